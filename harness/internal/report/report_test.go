package report

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// hostile may be in any text of a report.
const hostile = "</script><script>alert('x')</script> & \"quotes\" `ticks` ]]> <!-- | @all \u2028 {{.}} <b>bold</b>"

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// sample returns a report with a run of each kind, and with one run missing.
func sample() *Report {
	r := &Report{
		Version: Version, Started: start, Seconds: 100,
		Kernels: []Kernel{
			{"5.10", 0, "5.10.0-1-amd64", "5.10.1-1", "amd64"},
			{"6.1", 1, "6.1.0-2-amd64", "6.1.2-1", "amd64"},
			{"6.12", 2, "6.12.3", "", "amd64"},
			{"7.0", 3, "", "", ""},
		},
		Packages: []string{"example.org/a/alpha", "example.org/a/beta"},
	}
	run := func(kernel, pkg string, state State, stage, title string, tests ...Test) *Run {
		phases := []Phase{{Name: "kernel", Start: 0, Seconds: 0.5}, {Name: "build", Start: 0.5, Seconds: 1.5}, {Name: "restore or boot", Start: 2, Seconds: 1}, {Name: "tests", Start: 3, Seconds: 4}}
		if state == Passed {
			phases = append(phases, Phase{Name: "checks", Start: 7, Seconds: 1})
		}
		r.Runs = append(r.Runs, Run{
			Kernel: kernel, Package: "example.org/a/" + pkg, State: state, Title: title, Stage: stage, Accel: "tcg",
			Started: start, Seconds: 8, Phases: phases, Steps: Steps(state, stage, phases), Tests: tests, KernelLog: "log of " + kernel,
		})
		return &r.Runs[len(r.Runs)-1]
	}
	one := Test{"TestOne", Passed, 0.5, ""}
	run("5.10", "alpha", Failed, "build", hostile).Raw = "error: " + hostile
	run("5.10", "beta", Passed, "", "", one)
	run("6.1", "alpha", Failed, "tests", "TestTwo failed", one, Test{"TestTwo", Failed, 1, hostile}, Test{"TestTwo/" + hostile, Failed, 1, ""}, Test{"TestThree", Skipped, 0, "why"})
	run("6.1", "beta", Broken, "load", "QEMU is gone").Advice = "install it"
	run("6.12", "alpha", Fault, "tests", "BUG: it", one, Test{"TestThree", Fault, 0, ""}).KernelLog = "log of 6.12\n" + hostile
	run("6.12", "beta", Passed, "", "", one)
	run("7.0", "alpha", Passed, "", "", one)
	for i := range r.Runs {
		if r.Runs[i].Tests == nil {
			r.Runs[i].Tests = []Test{}
		}
	}
	return r
}

func jsonOf(t *testing.T, r *Report) string {
	t.Helper()
	b, err := r.json()
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestWrittenReportReadsBack(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	if err := sample().Write(dir); err != nil {
		t.Fatal(err)
	}
	got, err := Read(filepath.Join(dir, JSONFile))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, sample()) {
		t.Errorf("got\n%s, want\n%s", jsonOf(t, got), jsonOf(t, sample()))
	}
	for _, name := range []string{JUnitFile, MarkdownFile, HTMLFile} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Size() == 0 {
			t.Errorf("%s is missing or empty: %v", name, err)
		}
	}
}

func TestNewDirectoryIsIgnoredByGit(t *testing.T) {
	root := t.TempDir()
	git := func(args ...string) string {
		out, err := exec.Command("git", append([]string{"-C", root}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
		return string(out)
	}
	git("init", "-q")
	if err := sample().Write(filepath.Join(root, "reports")); err != nil {
		t.Fatal(err)
	}
	if out := git("status", "--porcelain"); out != "" {
		t.Errorf("git sees %q", out)
	}
}

func TestReadRejectsOtherVersions(t *testing.T) {
	for content, want := range map[string]string{
		`{"version": 2}`: "its version is 2", `{"version": `: "unexpected end", `{}`: "its version is 0",
	} {
		path := filepath.Join(t.TempDir(), JSONFile)
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(path); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: got %v, want %q and the path", content, err, want)
		}
	}
}

func TestStatusIsStatusOfWorstRun(t *testing.T) {
	for _, c := range []struct {
		states []State
		want   int
	}{
		{nil, 0},
		{[]State{Passed, Passed}, 0},
		{[]State{Passed, Broken}, 69},
		{[]State{NotApplicable, Passed}, 0},
		{[]State{NotApplicable, Failed, Passed}, 1},
		{[]State{NotApplicable}, 0},
		{[]State{Failed, Broken, Passed}, 1},
		{[]State{Broken, Failed, Fault, Passed}, 255},
	} {
		r := Report{}
		for _, state := range c.states {
			r.Runs = append(r.Runs, Run{State: state})
		}
		if got := r.Status(); got != c.want {
			t.Errorf("%v: exit status %d, want %d", c.states, got, c.want)
		}
	}
}

func TestStepsEndWhereRunEnds(t *testing.T) {
	phases := []Phase{{Name: "kernel", Start: 0, Seconds: 1}, {Name: "build", Start: 1, Seconds: 2}, {Name: "restore or boot", Start: 3, Seconds: 4}, {Name: "upload", Start: 7, Seconds: 1}, {Name: "tests", Start: 8, Seconds: 5}}
	withChecks := append(phases, Phase{Name: "checks", Start: 13, Seconds: 1}, Phase{Name: "exit", Start: 14, Seconds: 1})
	for _, c := range []struct {
		state  State
		stage  string
		phases []Phase
		want   string
	}{
		{Passed, "", withChecks, "[{kernel passed 1} {build passed 2} {load passed 4} {tests passed 6} {checks passed 2}]"},
		{NotApplicable, "build", phases[:2], "[{kernel passed 1} {build not applicable 2} {load not run 0} {tests not run 0} {checks not run 0}]"},
		{Failed, "build", phases[:2], "[{kernel passed 1} {build failed 2} {load not run 0} {tests not run 0} {checks not run 0}]"},
		{Failed, "tests", withChecks, "[{kernel passed 1} {build passed 2} {load passed 4} {tests failed 6} {checks passed 2}]"},
		{Fault, "tests", phases, "[{kernel passed 1} {build passed 2} {load passed 4} {tests fault 6} {checks not run 0}]"},
		{Broken, "kernel", nil, "[{kernel broken 0} {build not run 0} {load not run 0} {tests not run 0} {checks not run 0}]"},
	} {
		if got := fmt.Sprint(Steps(c.state, c.stage, c.phases)); got != c.want {
			t.Errorf("%s in %q: got\n%s, want\n%s", c.state, c.stage, got, c.want)
		}
	}
}

func TestJSONIsDocumented(t *testing.T) {
	var fields struct {
		Runs []map[string]any `json:"runs"`
	}
	if err := json.Unmarshal([]byte(jsonOf(t, sample())), &fields); err != nil {
		t.Fatal(err)
	}
	doc, err := os.ReadFile("../../../docs/report.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, typ := range []any{Report{}, Kernel{}, Run{}, Step{}, Phase{}, Test{}} {
		for field := range reflect.TypeOf(typ).Fields() {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			if !strings.Contains(string(doc), "| `"+name+"` |") {
				t.Errorf("docs/report.md has no %s of %T", name, typ)
			}
		}
	}
}

func TestNotApplicableIsNeitherPassedNorBad(t *testing.T) {
	excluded := Run{Kernel: "5.10", Package: "p", State: NotApplicable, Title: "dkms.conf:3: not for this kernel", Steps: Steps(NotApplicable, "build", nil)}
	passed := Run{Kernel: "6.1", Package: "p", State: Passed, Steps: Steps(Passed, "", nil)}
	r := Report{Version: Version, Kernels: []Kernel{{Name: "5.10"}, {Name: "6.1", Order: 1}}, Packages: []string{"p"}, Runs: []Run{excluded, passed}}
	if got, want := r.State(), Passed; got != want {
		t.Errorf("the state is %q, want %q", got, want)
	}
	if got, want := r.Headline(), "1 package on 2 kernels: 1 passed, 1 not applicable"; got != want {
		t.Errorf("the headline is %q, want %q", got, want)
	}
	b, err := r.JUnit()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(b), `<skipped message="dkms.conf:3: not for this kernel">`) {
		t.Errorf("the JUnit report has no skipped step with the reason:\n%s", b)
	}
	md, err := r.Markdown()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(md), "➖ dkms.conf:3: not for this kernel |") {
		t.Errorf("the table does not have the reason:\n%s", md)
	}
	r.Runs = r.Runs[:1]
	if got, want := r.State(), NotApplicable; got != want {
		t.Errorf("without other runs the state is %q, want %q", got, want)
	}
}

func TestJUnitHasCompilersWordsOnce(t *testing.T) {
	const words = "m.c:1: error: expected declaration"
	r := Report{Version: Version, Kernels: []Kernel{{Name: "6.1"}}, Packages: []string{"p"}, Runs: []Run{{
		Kernel: "6.1", Package: "p", State: Failed, Stage: "build", Title: "module m does not build", Raw: words,
		Steps: Steps(Failed, "build", []Phase{{Name: "kernel"}, {Name: "build"}}),
	}}}
	b, err := r.JUnit()
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(b), words); n != 1 {
		t.Errorf("the compiler's message is there %d times, want once:\n%s", n, b)
	}
}
