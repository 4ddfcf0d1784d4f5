package harness_test

import (
	"encoding/json"
	"flag"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// results returns how each test ended, from the output of a verbose run.
func results(out string) map[string]string {
	ends := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^ *--- (PASS|FAIL|SKIP): (\S+) \(`).FindAllStringSubmatch(out, -1) {
		ends[m[2]] += m[1]
	}
	return ends
}

// blame runs tests of testdata/blame and returns their output and the exit status.
func blame(t *testing.T, env []string, args ...string) (out string, status int) {
	t.Helper()
	c := newCommand(t, env, binary(t, "blame"), args...)
	status = c.status(t)
	if t.Failed() {
		t.Log(c.stderr.String())
	}
	return c.stdout.String() + c.stderr.String(), status
}

func TestKernelFaultFailsTheTestThatCausedIt(t *testing.T) {
	t.Parallel()
	out, status := blame(t, nil, "-test.v", "-test.run=Before|WarnsAtOnce|Between|FailsAndWarns|After")
	want := map[string]string{
		"TestBefore": "PASS", "TestWarnsAtOnce": "FAIL", "TestBetween": "PASS", "TestFailsAndWarns": "FAIL", "TestAfter": "PASS",
	}
	if got := results(out); !sameEnds(got, want) || status != 255 {
		t.Errorf("status %d, %v; want 255, %v\n%s", status, got, want, out)
	}
	for _, want := range []string{
		`(?s)=== RUN   TestWarnsAtOnce\n    kernel fault \(warning\): WARNING in crash_warn \[crash\]\n        \S+/testdata/crash/checks\.c:\d+: in crash_warn\n.*end trace.*--- FAIL: TestWarnsAtOnce`,
		`FAIL: kernel fault: WARNING in crash_warn \[crash\], during TestWarnsAtOnce`,
	} {
		if !regexp.MustCompile(want).MatchString(out) {
			t.Errorf("nothing matches %s in\n%s", want, out)
		}
	}
}

// warnings is how often TestBlameIsNeverWrong makes the kernel warn.
var warnings = flag.Int("warnings", 20, "how often a test makes the kernel warn between two others")

// A warning is attributed each time to the test whose first statement causes it,
// and never to the tests before and after it.
func TestBlameIsNeverWrong(t *testing.T) {
	t.Parallel()
	out, status := blame(t, nil, "-test.v", "-test.count="+strconv.Itoa(*warnings), "-test.run=Before|WarnsAtOnce|Between", "-test.timeout=60m")
	want := map[string]string{
		"TestBefore":      strings.Repeat("PASS", *warnings),
		"TestWarnsAtOnce": strings.Repeat("FAIL", *warnings),
		"TestBetween":     strings.Repeat("PASS", *warnings),
	}
	if got := results(out); !sameEnds(got, want) || status != 255 {
		t.Errorf("status %d, want 255; results %v", status, got)
	}
	if n := strings.Count(out, "kernel fault (warning): WARNING in crash_warn [crash]\n"); n != *warnings {
		t.Errorf("%d reports, want %d", n, *warnings)
	}
}

func sameEnds(got, want map[string]string) bool {
	if len(got) != len(want) {
		return false
	}
	for name, end := range want {
		if got[name] != end {
			return false
		}
	}
	return true
}

// Nobody has read the log when the machine dies. Its console has marks only where the kernel has logged
// something.
func TestUnreadFaultsFailTheTestsThatCausedThem(t *testing.T) {
	t.Parallel()
	c := newCommand(t, nil, binary(t, "unread"), "-test.v")
	status := c.status(t)
	out := c.stdout.String()
	want := map[string]string{
		"TestFreezes": "PASS", "TestPassesBefore": "PASS", "TestWarns": "FAIL", "TestPassesBetween": "PASS",
		"TestHasSubtests": "FAIL", "TestHasSubtests/passes": "PASS", "TestHasSubtests/warns": "FAIL", "TestHasSubtests/fails": "FAIL",
		"TestDies": "FAIL", "TestPassesAfter": "PASS",
	}
	if got := results(out); !maps.Equal(got, want) || status != 255 {
		t.Errorf("status %d, want 255; results %v\n%s", status, got, out)
	}
	for _, report := range []string{
		`kernel fault \(warning\): WARNING in crash_warn \[crash\]\n(.*\n)*?--- FAIL: TestWarns `,
		`kernel fault \(warning\): WARNING in crash_warn \[crash\]\n(.*\n)*? *--- FAIL: TestHasSubtests/warns `,
		`kernel fault \(null-dereference\): BUG: kernel NULL pointer dereference in crash_\S+ \[crash\]\n(.*\n)*?--- FAIL: TestDies `,
	} {
		if !regexp.MustCompile(report).MatchString(out) {
			t.Errorf("nothing matches %s in\n%s", report, out)
		}
	}
}

func TestFaultsAreExpectedOrAllowed(t *testing.T) {
	t.Parallel()
	out, status := blame(t, nil, "-test.v", "-test.run=Expects|Allows|Forges")
	want := map[string]string{
		"TestExpectsWarning": "PASS", "TestExpectsEndOfKernel": "PASS", "TestExpectsInVain": "FAIL", "TestExpectsAnother": "FAIL",
		"TestAllows": "PASS", "TestAllows/inside": "PASS", "TestForges": "PASS",
	}
	if got := results(out); !sameEnds(got, want) || status != 255 {
		t.Errorf("status %d, %v; want 255, %v\n%s", status, got, want, out)
	}
	if !strings.Contains(out, "the kernel did not report a fault of kind kasan that matches crash_warn") {
		t.Errorf("the output does not name the fault that was not reported:\n%s", out)
	}
}

// A failure fails the run even if the test binary in the last machine passes: a
// failure that the harness found, or one in a machine that died as expected.
func TestFailureOfAnyMachineFailsRun(t *testing.T) {
	t.Parallel()
	for _, pattern := range []string{"ExpectsInVain", "Row08|ExpectsEndOfKernel"} {
		out, status := blame(t, nil, "-test.run="+pattern)
		if status != 1 || !regexp.MustCompile(`(?m)^FAIL$`).MatchString(out) || regexp.MustCompile(`(?m)^PASS$`).MatchString(out) {
			t.Errorf("%s: status %d; want 1 and FAIL\n%s", pattern, status, out)
		}
	}
}

func TestRunPassesWithExpectedFaults(t *testing.T) {
	t.Parallel()
	out, status := blame(t, []string{"BLAME_ALLOW=crash_warn"}, "-test.run=ExpectsWarning|ExpectsEnd|Allows|WarnsAtOnce|Forges")
	if status != 0 || !regexp.MustCompile(`(?m)^PASS$`).MatchString(out) {
		t.Errorf("status %d; want 0 and PASS\n%s", status, out)
	}
}

// All tests that run when a fault begins fail, and no others.
func TestParallelTestsFailTogether(t *testing.T) {
	t.Parallel()
	out, _ := blame(t, nil, "-test.v", "-test.run=Together|After")
	want := map[string]string{
		"TestTogether": "FAIL", "TestTogether/breaks": "FAIL", "TestTogether/runs_beside": "FAIL", "TestTogether/runs_before": "PASS", "TestAfter": "PASS",
	}
	if got := results(out); !sameEnds(got, want) {
		t.Errorf("%v; want %v\n%s", got, want, out)
	}
}

// rowWithout returns the results of the TestRow tests if none breaks the kernel.
func rowWithout() map[string]string {
	ends := map[string]string{}
	for i := range 20 {
		number := strconv.Itoa(101 + i)
		ends["TestRow"+number[1:]] = "PASS"
	}
	maps.Copy(ends, map[string]string{
		"TestRow02": "FAIL", "TestRow02/passes": "PASS", "TestRow02/fails": "FAIL", "TestRow03": "SKIP", "TestRow08": "FAIL", "TestRow20": "FAIL",
		"TestRow10/one": "PASS", "TestRow10/breaks": "PASS", "TestRow10/two": "PASS", "TestRow16/deep": "PASS", "TestRow16/deep/deeper": "PASS",
	})
	return ends
}

// When the kernel dies, the tests that had finished keep their results, the running
// ones fail, and the remaining ones run in a new machine.
func TestTestsGoOnWhenTheKernelDies(t *testing.T) {
	if testing.Short() {
		t.Skip("-short")
	}
	for name, c := range map[string]struct {
		env   []string
		args  []string
		fails []string
		lacks []string
		times int
	}{
		"in a test":           {env: []string{"BLAME_ROW=panic"}, fails: []string{"TestRow10"}, lacks: []string{"TestRow10/one", "TestRow10/breaks", "TestRow10/two"}},
		"in a subtest":        {env: []string{"BLAME_SUBTEST=null-write"}, fails: []string{"TestRow10", "TestRow10/breaks"}},
		"in a parallel test":  {env: []string{"BLAME_PARALLEL=bug"}, fails: []string{"TestRow13"}},
		"each time of three":  {env: []string{"BLAME_SUBTEST=panic"}, args: []string{"-test.count=3"}, fails: []string{"TestRow10", "TestRow10/breaks"}, times: 3},
		"in fresh machines":   {env: []string{"BLAME_ROW=panic", freshMode}, fails: []string{"TestRow10"}, lacks: []string{"TestRow10/one", "TestRow10/breaks", "TestRow10/two"}},
		"with other machines": {env: []string{"BLAME_SUBTEST=panic"}, args: []string{"-test.shuffle=5"}, fails: []string{"TestRow10", "TestRow10/breaks"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, status := blame(t, c.env, append(c.args, "-test.v", "-test.run=Row")...)
			want := rowWithout()
			for _, name := range c.fails {
				want[name] = "FAIL"
			}
			for _, name := range c.lacks {
				delete(want, name)
			}
			for name, end := range want {
				want[name] = strings.Repeat(end, max(c.times, 1))
			}
			got := results(out)
			if name == "in a parallel test" { // the other parallel test may have run at the same time
				delete(got, "TestRow12")
				delete(want, "TestRow12")
			}
			if !sameEnds(got, want) || status != 255 {
				t.Errorf("status %d, want 255; results\n%v; want\n%v\n%s", status, got, want, out)
			}
			if n := len(regexp.MustCompile(`(?m)^(PASS|FAIL)$`).FindAllString(out, -1)); n != 1 {
				t.Errorf("%d verdicts, want one:\n%s", n, out)
			}
		})
	}
}

// go test can parse the output of several machines.
func TestJSONOfSeveralMachinesIsValid(t *testing.T) {
	t.Parallel()
	cmd := exec.Command("go", "test", "-json", "-count=1", "-run=Row", ".")
	cmd.Dir = filepath.Join("testdata", "blame")
	cmd.Env = append(os.Environ(), "BLAME_SUBTEST=panic")
	out, err := cmd.Output()
	if err == nil {
		t.Error("the run passes")
	}
	got := map[string]string{}
	report := ""
	for line := range strings.Lines(string(out)) {
		var event struct{ Action, Test, Output string }
		if err := json.Unmarshal([]byte(line), &event); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if event.Test == "TestRow10/breaks" {
			report += event.Output
		}
		if end, ok := map[string]string{"pass": "PASS", "fail": "FAIL", "skip": "SKIP"}[event.Action]; ok && event.Test != "" {
			got[event.Test] += end
		}
	}
	want := rowWithout()
	want["TestRow10"], want["TestRow10/breaks"] = "FAIL", "FAIL"
	if !sameEnds(got, want) {
		t.Errorf("results %v, want %v\n%s", got, want, out)
	}
	if !strings.Contains(report, "Kernel panic - not syncing") || !strings.Contains(report, "crash_panic") {
		t.Errorf("the output of the test that broke the kernel has no fault report:\n%s", report)
	}
}

func TestFailfastStopsAtKernelFault(t *testing.T) {
	t.Parallel()
	for _, env := range []string{"BLAME_ROW=warn", "BLAME_ROW=panic"} {
		out, status := blame(t, []string{env}, "-test.v", "-test.failfast", "-test.run=Row1")
		got := results(out)
		if status != 255 || got["TestRow10"] != "FAIL" || got["TestRow14"] != "" {
			t.Errorf("%s: status %d, %v; want 255, and nothing after TestRow10\n%s", env, status, got, out)
		}
	}
}

func TestCoverProfileIsOfMachinesThatLived(t *testing.T) {
	t.Parallel()
	profile := filepath.Join(t.TempDir(), "cover.out")
	cmd := exec.Command("go", "test", "-count=1", "-run=Row", "-coverprofile="+profile, "-coverpkg=github.com/kmodtest/kmodtest/harness/guest,.", ".")
	cmd.Dir = filepath.Join("testdata", "blame")
	cmd.Env = append(os.Environ(), "BLAME_ROW=panic")
	out, _ := cmd.CombinedOutput() // the run is expected to fail
	text, err := os.ReadFile(profile)
	if err != nil || !strings.HasPrefix(string(text), "mode: ") {
		t.Errorf("the profile is %q, %v\n%s", text, err, out)
	}
}

func TestMachinesAreLimited(t *testing.T) {
	t.Parallel()
	out, _ := blame(t, []string{"BLAME_SUBTEST=panic", "BLAME_MACHINES=2"}, "-test.v", "-test.count=3", "-test.run=Row10")
	if !strings.Contains(out, "a run uses at most 2 machines") {
		t.Errorf("the output does not report the limit of machines:\n%s", out)
	}
}

// The kernel log file has the log of each machine, including the last lines of a
// dead machine, which only its console has.
func TestWrittenLogHasLastWords(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "kernel.log")
	out, _ := blame(t, []string{"BLAME_SUBTEST=panic", "KMODTEST_KERNEL_LOG=" + path}, "-test.v", "-test.run=Row10|After")
	log, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	first, second, found := strings.Cut(string(log), "kmodtest: machine 2\n")
	if !found || !strings.Contains(first, "Kernel panic - not") || strings.Contains(second, "Kernel panic") || !strings.Contains(second, "Linux version") {
		t.Errorf("the log does not show a machine that died and a second one:\n%s\n%s", log, out)
	}
}

func TestFaultInTestMainFailsRun(t *testing.T) {
	t.Parallel()
	out, status := blame(t, []string{"BLAME_MAIN=warn"}, "-test.v", "-test.run=Before|After")
	got := results(out)
	if status != 255 || got["TestBefore"] != "PASS" || got["TestAfter"] != "PASS" || strings.Contains(out, ", during ") {
		t.Errorf("status %d, %v; want 255, and a fault that is attributed to no test\n%s", status, got, out)
	}
	out, status = blame(t, []string{"BLAME_MAIN=panic"}, "-test.v", "-test.run=Before|After")
	if status != 255 || len(results(out)) != 0 || !strings.Contains(out, "crash_panic") {
		t.Errorf("status %d; want 255, no results, and the panic\n%s", status, out)
	}
}

// Each hang ends at the timeout, with a backtrace of the hanging code in the output
// of the test. It does not matter whether the hanging processor is the one that
// handles the request for the backtrace.
func TestHangEndsWithItsBacktrace(t *testing.T) {
	for _, c := range []struct{ way, cpu, want string }{
		{"hard-lockup", "0", "crash_hard_lockup"},
		{"hard-lockup", "1", "crash_hard_lockup"},
		{"deadlock", "", "crash_deadlock"},
		{"killable-hang", "", "crash_killable_hang"},
	} {
		t.Run(c.way+c.cpu, func(t *testing.T) {
			t.Parallel()
			out, status := blame(t, []string{"BLAME_HANG=" + c.way, "BLAME_CPU=" + c.cpu}, "-test.v", "-test.run=Before|Hangs", "-test.timeout=40s")
			if status == 0 || !strings.Contains(out, c.want) || !slices.Contains([]string{"", "FAIL"}, results(out)["TestHangs"]) {
				t.Errorf("status %d; want a failure, and %s in the output\n%s", status, c.want, out)
			}
		})
	}
}
