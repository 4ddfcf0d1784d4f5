//go:build machines

package matrix

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/kmodtest/kmodtest/harness/internal/report"
)

// stepLog is the output of a step. When it has a text, the step is cancelled as
// GitHub's runner does it: SIGINT to its first process, SIGTERM 7.5 seconds later,
// and SIGKILL after 2.5 more.
type stepLog struct {
	cancelAt string
	process  func() *os.Process

	mu   sync.Mutex
	text bytes.Buffer
	once sync.Once
}

func (l *stepLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n, err := l.text.Write(p)
	if l.cancelAt != "" && strings.Contains(l.text.String(), l.cancelAt) {
		l.once.Do(func() { go cancelStep(l.process()) })
	}
	return n, err
}

func (l *stepLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func cancelStep(process *os.Process) {
	for _, next := range []struct {
		signal os.Signal
		wait   time.Duration
	}{{os.Interrupt, 7500 * time.Millisecond}, {syscall.SIGTERM, 2500 * time.Millisecond}, {os.Kill, 0}} {
		if process.Signal(next.signal) != nil {
			return // it has ended
		}
		time.Sleep(next.wait)
	}
}

// commandsOf returns the lines of a step's log that GitHub's runner takes for
// commands: those that begin with two colons after white space, or contain "##[".
func commandsOf(log string) []string {
	var all []string
	for line := range strings.Lines(strings.ReplaceAll(log, "\r", "\n")) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "::") || strings.Contains(line, "##[") {
			all = append(all, line)
		}
	}
	return all
}

// use runs the action for a package of testdata, on one kernel.
func (g *github) use(pkg string, uses int) {
	g.t.Helper()
	step := workflowStep{Uses: "./", With: map[string]string{"kernels": "6.1", "packages": "./harness/internal/matrix/testdata/" + pkg}}
	var job workflowJob
	for range uses {
		job.Steps = append(job.Steps, step)
	}
	g.job("test", job, values{})
}

// report returns the report in an artifact.
func (g *github) report(artifact string) *report.Report {
	g.t.Helper()
	rep, err := report.Read(filepath.Join(g.artifacts, artifact, report.JSONFile))
	if err != nil {
		g.t.Fatal(err)
	}
	return rep
}

// TestActionRunsHere uses the action twice in a job, as the five lines of
// docs/github.md do. make action-systems runs it on new installations.
func TestActionRunsHere(t *testing.T) {
	g := newGitHub(t)
	g.use("steady", 2)
	for _, artifact := range []string{"kmodtest-report-test", "kmodtest-report-test-use2"} {
		if rep := g.report(artifact); rep.State() != report.Passed || len(rep.Runs) != 1 || len(rep.Runs[0].Tests) != 1 {
			t.Errorf("%s: %s", artifact, rep.Headline())
		}
	}
	if n := strings.Count(g.summary.String(), "### ✅ 1 package on 1 kernel: all passed"); n != 2 {
		t.Errorf("the summary has %d reports, want 2:\n%s", n, g.summary.String())
	}
}

// TestActionAnnotatesTestsThatDoNotCompile needs no machine.
func TestActionAnnotatesTestsThatDoNotCompile(t *testing.T) {
	g := newGitHub(t)
	g.mayFail = true
	g.use("broken", 1)
	if rep := g.report("kmodtest-report-test"); rep.State() != report.Failed || !g.failed {
		t.Errorf("the report: %s", rep.Headline())
	}
	const want = "::error file=harness/internal/matrix/testdata/broken/broken_test.go,line="
	if log := g.logs["Annotate failures, and show the report"]; !strings.Contains(log, "\n"+want) {
		t.Errorf("the log lacks %s:\n%s", want, log)
	}
}

// TestHostileGuestCommandsNothing runs tests whose names and outputs are commands
// for GitHub's runner.
func TestHostileGuestCommandsNothing(t *testing.T) {
	g := newGitHub(t)
	g.mayFail = true
	g.use("hostile", 1)
	rep := g.report("kmodtest-report-test")
	if rep.State() != report.Failed || !g.failed {
		t.Fatalf("the hostile tests: %s", rep.Headline())
	}
	if all := rep.Runs[0].Tests; len(all) < 3 || !strings.Contains(all[0].Output+all[1].Output+all[2].Output, "::add-mask::") {
		t.Fatalf("the tests were not hostile: %+v", all)
	}
	log := g.logs["Run the tests"]
	if found := commandsOf(log); len(found) != 1 || !strings.HasPrefix(log, found[0]) || !strings.HasPrefix(found[0], "::stop-commands::") {
		t.Errorf("the log of the tests has the commands %q", found)
	}
	word := strings.TrimPrefix(commandsOf(log)[0], "::stop-commands::")
	if len(word) != 32 || strings.Count(log, word) != 1 {
		t.Errorf("the word %q is short, or the guest knew it", word)
	}
	var errs []string
	for _, command := range commandsOf(g.logs["Annotate failures, and show the report"]) {
		switch {
		case strings.HasPrefix(command, "::error file=harness/internal/matrix/testdata/hostile/hostile_test.go,line="):
			errs = append(errs, command)
		case command == "::"+word+"::", command == "::group::Linux 6.1", command == "::endgroup::":
		default:
			t.Errorf("a command that is not ours: %s", command)
		}
	}
	if len(errs) == 0 {
		t.Error("the failed test has no annotation")
	}
}

// TestCancelledActionKeepsReport cancels the job while tests run that never end.
func TestCancelledActionKeepsReport(t *testing.T) {
	g := newGitHub(t)
	g.mayFail, g.cancelAt = true, "6.1 endless: TestPassesFirst passed"
	g.use("endless", 1)
	rep := g.report("kmodtest-report-test")
	if !g.failed || !rep.Interrupted || len(rep.Runs) != 1 || len(rep.Runs[0].Tests) < 2 {
		t.Errorf("the report of a job that was cancelled: interrupted %v, %s", rep.Interrupted, rep.Headline())
	}
	if !strings.Contains(g.summary.String(), "1 package on 1 kernel") {
		t.Errorf("the summary lacks the report:\n%s", g.summary.String())
	}
}

// TestActionTakesKernelsOfSet runs one step of the action: the next ones fetch the kernels that it names.
func TestActionTakesKernelsOfSet(t *testing.T) {
	var a action
	read(t, "../../../action.yml", &a)
	i := slices.IndexFunc(a.Runs.Steps, func(s workflowStep) bool { return s.ID == "kernels" })
	if i < 0 {
		t.Fatal("the action has no step that finds the keys of the kernels")
	}
	dir, output := t.TempDir(), filepath.Join(t.TempDir(), "output")
	if out, err := exec.Command("go", "build", "-o", filepath.Join(dir, "kmodtest"), "../../cmd/kmodtest").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for name, text := range map[string]string{
		"go.mod": "module example.com/mine\n", "kmodtest.toml": "[matrix.sets.pr]\nkernels = ['6.1*-min', 'sid']\npackages = ['./vmtest']\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for set, want := range map[string]string{"pr": "6.1-min,6.12-min,sid", "": "6.12"} {
		cmd := exec.Command("bash", "-e", "-c", a.Runs.Steps[i].Run)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "DIR="+dir, "GITHUB_OUTPUT="+output, "SET="+set, "KERNELS=6.12")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		text, err := os.ReadFile(output)
		if err != nil || !strings.HasSuffix(string(text), "\nnames="+want+"\n") {
			t.Errorf("set %q: got %q, want the kernels %s: %v", set, text, want, err)
		}
	}
}

// TestActionsScriptsAreClean checks the scripts of the action with shellcheck.
// Actionlint does that only for workflows.
func TestActionsScriptsAreClean(t *testing.T) {
	var a action
	read(t, "../../../action.yml", &a)
	scripts := 0
	for _, step := range a.Runs.Steps {
		if step.Run == "" {
			continue
		}
		scripts++
		// Unquoted variables are split into words on purpose.
		cmd := exec.Command("shellcheck", "--shell=bash", "--exclude=SC2086", "-")
		cmd.Stdin = strings.NewReader("set -e -o pipefail\n" + step.Run)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("step %q: %v\n%s", step.Name, err, out)
		}
		if strings.Contains(step.Run, "${{") {
			t.Errorf("step %q: put the expression into the step's environment: in a script it would become code", step.Name)
		}
	}
	if scripts == 0 {
		t.Error("the action has no scripts")
	}
}
