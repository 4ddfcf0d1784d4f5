package harness_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/kmodtest/kmodtest/harness/internal/report"
)

// kmodtest returns the path of the command kmodtest, which is built once.
var kmodtest = sync.OnceValues(func() (string, error) {
	path := filepath.Join(scratch, "kmodtest")
	if out, err := exec.Command("go", "build", "-o", path, "./cmd/kmodtest").CombinedOutput(); err != nil {
		return "", fmt.Errorf("build kmodtest: %w\n%s", err, out)
	}
	return path, nil
})

// foreign runs kmodtest in testdata/foreign, a module that does not require this one, and
// returns its output and exit status.
func foreign(t *testing.T, env []string, args ...string) (out string, status int) {
	t.Helper()
	program, err := kmodtest()
	if err != nil {
		t.Fatal(err)
	}
	c := newCommand(t, env, program, args...)
	c.Dir = filepath.Join("testdata", "foreign")
	status = c.status(t)
	return c.stdout.String() + c.stderr.String(), status
}

func TestForeignTestsRunInGuest(t *testing.T) {
	t.Parallel()
	out, status := foreign(t, nil, "test", "-v", "-coverprofile="+filepath.Join(t.TempDir(), "cover"), "./tests")
	want := map[string]string{
		"TestPasses": "PASS", "TestPrints": "PASS", "TestSubtests": "PASS", "TestSubtests/passes": "PASS", "TestSubtests/skips": "SKIP",
		"TestParallelOne": "PASS", "TestParallelTwo": "PASS", "TestFails": "PASS", "TestExits": "PASS", "TestPanics": "PASS", "ExampleAdd": "PASS",
	}
	got := results(strings.ReplaceAll(out, "newline---", "newline\n---"))
	if !sameEnds(got, want) || status != 0 || !strings.Contains(out, "coverage: 100.0% of statements") {
		t.Errorf("status %d, %v; want 0, %v\n%s", status, got, want, out)
	}
}

func TestForeignTestThatExitsOrFailsDoesNotPass(t *testing.T) {
	t.Parallel()
	for variable, want := range map[string]string{
		"FOREIGN_EXITS":  `panic: unexpected call to os\.Exit\(0\) during test`,
		"FOREIGN_FAILS":  `(?m)^--- FAIL: TestFails \(.*\n    --- FAIL: TestFails/inside \(.*\n        add_test\.go:\d+: fails on request$`,
		"FOREIGN_PANICS": `panic: panics on request`,
	} {
		out, status := foreign(t, []string{variable + "=1"}, "test", "-run=Passes|Exits|Fails|Panics", "./tests")
		if status != 1 || !regexp.MustCompile(want).MatchString(out) || strings.Contains(out, "logged by a test that passes") {
			t.Errorf("%s: status %d, want 1 and %s\n%s", variable, status, want, out)
		}
	}
}

func TestForeignTestThatBreaksKernelIsBlamed(t *testing.T) {
	t.Parallel()
	out, status := foreign(t, nil, "test", "-v", "./faults")
	want := map[string]string{"TestBefore": "PASS", "TestWarns": "FAIL", "TestBetween": "PASS", "TestKills": "FAIL", "TestAfter": "PASS"}
	if got := results(out); !sameEnds(got, want) || status != 1 {
		t.Errorf("status %d, %v; want 1, %v\n%s", status, got, want, out)
	}
}

func TestForeignTestsAreRepeatedAfterFault(t *testing.T) {
	t.Parallel()
	out, status := foreign(t, nil, "test", "-v", "-count=2", "-run=Before|Kills|After", "./faults")
	for line, want := range map[string]int{"--- PASS: TestBefore": 2, "--- FAIL: TestKills": 2, "--- PASS: TestAfter": 2} {
		if got := strings.Count(out, line); got != want {
			t.Errorf("%q is there %d times, want %d", line, got, want)
		}
	}
	if status != 1 || t.Failed() {
		t.Errorf("status %d\n%s", status, out)
	}
}

func TestMatrixTakesPackagesWithoutMain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	out, status := foreign(t, nil, "matrix", "-k", "6.1", "-o", dir, "./tests", "./faults", "--", "-test.run=Passes|Warns")
	text, err := os.ReadFile(filepath.Join(dir, report.JSONFile))
	if err != nil {
		t.Fatalf("%v: status %d\n%s", err, status, out)
	}
	var rep report.Report
	if err := json.Unmarshal(text, &rep); err != nil {
		t.Fatal(err)
	}
	got := map[string]report.State{}
	for _, run := range rep.Runs {
		got[filepath.Base(run.Package)] = run.State
		for _, test := range run.Tests {
			got[test.Name] = test.State
		}
	}
	want := map[string]report.State{"tests": report.Passed, "TestPasses": report.Passed, "faults": report.Fault, "TestWarns": report.Fault}
	if status != 255 || !maps.Equal(got, want) {
		t.Errorf("status %d, %v; want 255, %v\n%s", status, got, want, out)
	}
}

func TestProgramRunsInGuest(t *testing.T) {
	t.Parallel()
	out, status := foreign(t, nil, "run", "--", "/bin/uname", "-n")
	if status != 0 || !regexp.MustCompile(`(?m)^kmodtest$`).MatchString(out) {
		t.Errorf("uname: status %d\n%s", status, out)
	}
	if out, status := foreign(t, nil, "run", "--", "/bin/false"); status != 1 {
		t.Errorf("false: status %d\n%s", status, out)
	}
}

func TestCoverageOfProgramComesBack(t *testing.T) {
	t.Parallel()
	tool, data := filepath.Join(t.TempDir(), "tool"), filepath.Join(t.TempDir(), "data")
	build := exec.Command("go", "build", "-cover", "-o", tool, "./tool")
	build.Dir = filepath.Join("testdata", "foreign")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	out, status := foreign(t, []string{"GOCOVERDIR=" + data}, "run", "--", tool)
	if status != 0 || !strings.Contains(out, "in "+data) {
		t.Fatalf("status %d\n%s", status, out)
	}
	percent, err := exec.Command("go", "tool", "covdata", "percent", "-i="+data).CombinedOutput()
	if err != nil || !strings.Contains(string(percent), "coverage: 100.0% of statements") {
		t.Errorf("covdata: %v\n%s", err, percent)
	}
}
