//go:build machines

package matrix

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/kmodtest/kmodtest/harness/internal/report"
)

// The keys of workflows and actions that the test supports. Other keys are an
// error. Fields of type any are ignored: they matter only on GitHub.
type (
	workflow struct {
		Name, On, Permissions, Concurrency any
		Env                                map[string]string
		Jobs                               map[string]workflowJob
	}
	workflowJob struct {
		Name      string
		RunsOn    string `yaml:"runs-on"`
		Timeout   int    `yaml:"timeout-minutes"`
		Container any
		Needs     any
		If        string
		Outputs   map[string]string
		Strategy  struct {
			FailFast bool `yaml:"fail-fast"`
			Matrix   map[string]string
		}
		Steps []workflowStep
	}
	workflowStep struct {
		ID, Name, Uses, Run, Shell, If string
		Dir                            string `yaml:"working-directory"`
		With, Env                      map[string]string
	}
	action struct {
		Name, Description string
		Branding          any
		Inputs            map[string]struct{ Description, Default string }
		Outputs           map[string]struct{ Description, Value string }
		Runs              struct {
			Using string
			Steps []workflowStep
		}
	}
)

// values are the values that an expression can name: strings, in nested maps.
type values map[string]any

// github runs a workflow's jobs here. It has a clone, and the files that GitHub
// keeps from one job to the next.
type github struct {
	t         *testing.T
	clone     string
	temp      string // empty at the begin of a job
	artifacts string
	summary   bytes.Buffer
	env       map[string]string
	failed    bool              // whether a step has failed
	mayFail   bool              // whether that is no error of the test
	logs      map[string]string // by the names of steps
	cancelAt  string            // cancel the job when a step prints this; "" is never
}

func newGitHub(t *testing.T) *github {
	t.Helper()
	return &github{t: t, temp: t.TempDir(), artifacts: t.TempDir(), env: map[string]string{}, logs: map[string]string{}}
}

func read(t *testing.T, path string, to any) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	decoder := yaml.NewDecoder(f)
	decoder.KnownFields(true)
	if err := decoder.Decode(to); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

var expression = regexp.MustCompile(`\$\{\{\s*(.*?)\s*\}\}`)

// fill replaces expressions of the form NAME, or NAME || NAME…: the first value
// that exists and is not empty. Other expressions and unknown single names are an
// error.
func (g *github) fill(text string, known values) string {
	g.t.Helper()
	return expression.ReplaceAllStringFunc(text, func(found string) string {
		operands := strings.Split(expression.FindStringSubmatch(found)[1], " || ")
		for _, operand := range operands {
			if literal, ok := strings.CutPrefix(operand, "'"); ok {
				return strings.TrimSuffix(literal, "'")
			}
			value := known.find(operand)
			if value == nil && len(operands) == 1 {
				g.t.Fatalf("%q: there is no %s in %v", text, operand, known)
			}
			if value != nil && value != "" {
				return fmt.Sprint(value)
			}
		}
		return ""
	})
}

// find returns the value of a name with dots in it, or nil.
func (v values) find(name string) any {
	var value any = map[string]any(v)
	for part := range strings.SplitSeq(name, ".") {
		group, _ := value.(map[string]any)
		value = group[part]
	}
	return value
}

// step runs a step and returns its outputs.
func (g *github) step(step workflowStep, known values) map[string]any {
	g.t.Helper()
	if g.failed && step.If != "always()" {
		return nil
	}
	name, _, _ := strings.Cut(step.Uses, "@")
	with := map[string]string{}
	for key, value := range step.With {
		with[key] = g.fill(value, known)
	}
	switch name {
	case "":
		return g.run(step, known)
	case "actions/checkout", "actions/setup-go", "actions/cache/restore", "actions/cache/save": // nothing to do here
	case "./":
		g.action(with, known)
	case "actions/upload-artifact":
		from, to := with["path"], filepath.Join(g.artifacts, with["name"])
		if !filepath.IsAbs(from) {
			from = filepath.Join(g.clone, from)
		}
		if _, err := os.Stat(to); err == nil {
			g.t.Fatalf("there is already an artifact %s", with["name"])
		}
		g.command("cp", "-r", from, to)
	case "actions/download-artifact":
		to := filepath.Join(g.clone, with["path"])
		g.command("mkdir", "-p", to)
		found, err := filepath.Glob(filepath.Join(g.artifacts, with["pattern"]))
		if err != nil || len(found) == 0 {
			g.t.Fatalf("no artifact %s: %v", with["pattern"], err)
		}
		g.command("cp", append([]string{"-r"}, append(found, to)...)...)
	default:
		g.t.Fatalf("a step uses %q, which this test does not support", step.Uses)
	}
	return nil
}

// action runs the steps of this repository's own action.
func (g *github) action(with map[string]string, known values) {
	g.t.Helper()
	var a action
	read(g.t, filepath.Join(g.clone, "action.yml"), &a)
	inputs := map[string]any{}
	for name, input := range a.Inputs {
		inputs[name] = input.Default
	}
	for name, value := range with {
		if _, ok := inputs[name]; !ok {
			g.t.Fatalf("the action has no input %q", name)
		}
		inputs[name] = value
	}
	steps := map[string]any{}
	inner := values{"inputs": inputs, "steps": steps, "github": known["github"], "strategy": known["strategy"]}
	for _, step := range a.Runs.Steps {
		if step.Run != "" && step.Shell != "bash" {
			g.t.Errorf("step %q of the action names no shell", step.Name)
		}
		steps[step.ID] = map[string]any{"outputs": g.step(step, inner)}
	}
}

func (g *github) command(name string, args ...string) {
	g.t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		g.t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
}

// run runs a step's script as GitHub does, and returns its outputs.
func (g *github) run(step workflowStep, known values) map[string]any {
	g.t.Helper()
	script := g.fill(step.Run, known)
	output, summary := filepath.Join(g.temp, "output"), filepath.Join(g.temp, "summary")
	g.command("truncate", "-s", "0", output, summary)
	cmd := exec.Command("bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", script)
	cmd.Dir = filepath.Join(g.clone, g.fill(step.Dir, known))
	cmd.Env = append(os.Environ(), "GITHUB_OUTPUT="+output, "GITHUB_STEP_SUMMARY="+summary, "GITHUB_WORKSPACE="+g.clone,
		"GITHUB_ACTION_PATH="+g.clone, "GITHUB_RUN_ID=1", "RUNNER_TEMP="+g.temp, "RUNNER_ENVIRONMENT=github-hosted", "CI=true")
	for _, more := range []map[string]string{g.env, step.Env} {
		for name, value := range more {
			cmd.Env = append(cmd.Env, name+"="+g.fill(value, known))
		}
	}
	log := stepLog{cancelAt: g.cancelAt, process: func() *os.Process { return cmd.Process }}
	cmd.Stdout, cmd.Stderr = &log, &log
	err := cmd.Run()
	out := log.String()
	g.logs[step.Name] = out
	if err != nil {
		g.failed = true
		if !g.mayFail {
			g.t.Fatalf("step %q: %v\n%s", script, err, out)
		}
	}
	g.t.Logf("%s\n%s", script, out)
	text, err := os.ReadFile(summary)
	if err != nil {
		g.t.Fatal(err)
	}
	g.summary.Write(text)
	text, err = os.ReadFile(output)
	if err != nil {
		g.t.Fatal(err)
	}
	outputs := map[string]any{}
	for line := range strings.Lines(string(text)) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		if !ok {
			g.t.Fatalf("step %q has the output %q, want NAME=VALUE", script, line)
		}
		outputs[name] = value
	}
	return outputs
}

// job runs the steps of a job in a clone of its own, and returns its outputs.
func (g *github) job(name string, job workflowJob, known values) map[string]any {
	g.t.Helper()
	g.clone, g.temp = g.emptyClone(), g.t.TempDir()
	steps := map[string]any{}
	known["steps"], known["github"] = steps, map[string]any{"job": name}
	if known["strategy"] == nil {
		known["strategy"] = map[string]any{"job-index": 0, "job-total": 1}
	}
	for _, step := range job.Steps {
		if step.If != "" && step.If != "always()" {
			g.t.Fatalf("step %q: this test does not support the condition %q", step.Name, step.If)
		}
		steps[step.ID] = map[string]any{"outputs": g.step(step, known)}
	}
	outputs := map[string]any{}
	for name, value := range job.Outputs {
		outputs[name] = g.fill(value, known)
	}
	return outputs
}

// emptyClone clones the last commit, without other files of the working tree. On
// a system without git, the working tree is an empty clone: see .ci/system.
func (g *github) emptyClone() string {
	g.t.Helper()
	clone := filepath.Join(g.t.TempDir(), "clone")
	if _, err := exec.LookPath("git"); err != nil {
		g.command("cp", "-r", "../../..", clone)
		return clone
	}
	g.command("git", "clone", "-q", "../../..", clone)
	return clone
}

// TestWorkflowRunsHere runs the jobs of matrix.yml in order, on two kernels.
func TestWorkflowRunsHere(t *testing.T) {
	var w workflow
	read(t, "../../../.github/workflows/matrix.yml", &w)
	g := newGitHub(t)
	inputs := map[string]any{"kernels": "6.1,6.12"}
	for name, value := range w.Env {
		g.env[name] = g.fill(value, values{"inputs": inputs})
	}
	listed := g.job("kernels", w.Jobs["kernels"], values{})
	needs := map[string]any{"kernels": map[string]any{"outputs": listed}}

	rows := w.Jobs["run"].Strategy.Matrix["kernel"]
	if rows != "${{ fromJSON(needs.kernels.outputs.kernels) }}" {
		t.Fatalf("the matrix of the workflow is %q", rows)
	}
	var kernels []map[string]any
	if err := json.Unmarshal([]byte(fmt.Sprint(listed["kernels"])), &kernels); err != nil {
		t.Fatal(err)
	}
	for _, kernel := range kernels {
		g.job("run", w.Jobs["run"], values{"matrix": map[string]any{"kernel": kernel}, "needs": needs})
	}
	g.job("merge", w.Jobs["merge"], values{"needs": needs})

	whole, err := report.Read(filepath.Join(g.artifacts, "kmodtest-report", report.JSONFile))
	if err != nil {
		t.Fatal(err)
	}
	if whole.State() != report.Passed || len(whole.Runs) != 2 || len(whole.Kernels) != 2 {
		t.Errorf("the merged report: %s", whole.Headline())
	}
	if n := strings.Count(g.summary.String(), "### ✅ 1 package on 2 kernels: all passed"); n != 1 {
		t.Errorf("the summary has the merged report %d times, want once:\n%s", n, g.summary.String())
	}
}
