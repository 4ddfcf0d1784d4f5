package harness_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// native makes the tests of testdata/flags run on the host.
const native = "FLAGS_NATIVE=1"

// varying matches the text that differs from one run to the next.
var varying = regexp.MustCompile(`\(\d+\.\d+s\)|in \d+\.\d+s|\t\s*\d+\t\s*[\d.]+ ns/op|(?m:^cpu: .*$)|-test\.shuffle \d+|0x[0-9a-f]+|goroutine \d+`)

// same returns the output of a run without varying text and without the lines of
// the harness.
func same(out string) string {
	var b strings.Builder
	for line := range strings.Lines(out) {
		if !strings.HasPrefix(line, "kmodtest: ") {
			b.WriteString(varying.ReplaceAllString(line, "…"))
		}
	}
	return b.String()
}

// Each flag of go test has the same effect in a guest as on the host.
func TestFlagsWorkAsOnHost(t *testing.T) {
	compareWithHost(t, nil)
}

// The same holds if each test has a fresh machine.
func TestFlagsWorkInFreshMachines(t *testing.T) {
	compareWithHost(t, []string{freshMode, "FLAGS_NOT_PARALLEL=1"})
}

func compareWithHost(t *testing.T, env []string) {
	for name, args := range map[string][]string{
		"none":      {},
		"verbose":   {"-test.v", "-test.run=Double|Prints|Reads"},
		"run":       {"-test.v", "-test.run=TestDouble/-1"},
		"skip":      {"-test.v", "-test.skip=Parallel|Processors|Prints"},
		"count":     {"-test.v", "-test.count=2", "-test.run=TestDouble"},
		"short":     {"-test.v", "-test.short", "-test.run=TestPrints"},
		"shuffle":   {"-test.v", "-test.shuffle=7", "-test.run=Double|Reads|Skipped"},
		"cpu":       {"-test.v", "-test.cpu=1,2", "-test.run=TestProcessors"},
		"parallel":  {"-test.parallel=1", "-test.run=Parallel"},
		"benchmark": {"-test.bench=.", "-test.benchtime=1x", "-test.run=^$", "-test.cpu=2"}, // the number of processors of a guest
		"no test":   {"-test.run=^$"},
		"two words": {"-test.run", "TestDouble", "-test.v"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			here := newCommand(t, append(env, native), binary(t, "flags"), args...)
			there := newCommand(t, env, binary(t, "flags"), args...)
			here.Dir, there.Dir = "testdata/flags", "testdata/flags"
			if want, got := here.status(t), there.status(t); got != want || want != 0 {
				t.Errorf("exit status %d in the guest, %d on the host; want 0", got, want)
			}
			if d := cmp.Diff(same(here.stdout.String()), same(there.stdout.String())); d != "" {
				t.Errorf("standard output (-host +guest):\n%s", d)
			}
			if d := cmp.Diff(same(here.stderr.String()), same(there.stderr.String())); d != "" {
				t.Errorf("standard error (-host +guest):\n%s", d)
			}
		})
	}
}

func TestFailfastStopsAtFirstFailure(t *testing.T) {
	t.Parallel()
	args := []string{"-test.v", "-test.failfast", "-test.count=3", "-test.run=TestFailsIfAsked"}
	c := newCommand(t, []string{"FLAGS_FAIL=1"}, binary(t, "flags"), args...)
	if status := c.status(t); status != 1 {
		t.Errorf("exit status %d, want 1", status)
	}
	if n := strings.Count(c.stdout.String(), "--- FAIL: TestFailsIfAsked"); n != 1 {
		t.Errorf("%d failures, want one:\n%s", n, c.stdout.String())
	}
}

func TestTimeoutDumpsGoroutines(t *testing.T) {
	t.Parallel()
	c := newCommand(t, nil, binary(t, "red"), "-test.run=^TestRunsLong$", "-test.timeout=1s")
	if status := c.status(t); status != 2 || !strings.Contains(c.stderr.String(), "panic: test timed out after 1s") ||
		!strings.Contains(c.stderr.String(), "red.TestRunsLong") {
		t.Errorf("exit status %d, want 2 and a dump of the test:\n%s", status, c.stderr.String())
	}
}

// -test.list starts no machine: it works with a QEMU that does not exist.
func TestListNeedsNoMachine(t *testing.T) {
	t.Parallel()
	c := newCommand(t, []string{"KMODTEST_QEMU=qemu-system-none"}, binary(t, "flags"), "-test.list=Double")
	want := "TestDouble\nBenchmarkDouble\nFuzzDouble\nExampleDouble\n"
	if status := c.status(t); status != 0 || c.stdout.String() != want {
		t.Errorf("exit status %d, output %q; want 0, %q", status, c.stdout.String(), want)
	}
}

func TestProfilesArrive(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := newCommand(t, nil, binary(t, "flags"), "-test.run=Double", "-test.outputdir="+dir,
		"-test.cpuprofile=cpu", "-test.memprofile=mem", "-test.blockprofile=block", "-test.mutexprofile=mutex", "-test.trace=trace")
	if status := c.status(t); status != 0 {
		t.Fatalf("exit status %d:\n%s", status, c.stderr.String())
	}
	for name, magic := range map[string]string{
		"cpu": "\x1f\x8b", "mem": "\x1f\x8b", "block": "\x1f\x8b", "mutex": "\x1f\x8b", "trace": "go 1.",
	} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || !bytes.HasPrefix(b, []byte(magic)) {
			t.Errorf("profile %s: %d bytes, %v; want a profile", name, len(b), err)
		}
	}
}

// Relative paths of output files start from the working directory.
func TestProfileLandsInWorkingDirectory(t *testing.T) {
	t.Parallel()
	c := newCommand(t, nil, binary(t, "flags"), "-test.run=Double", "-test.cpuprofile=cpu")
	c.Dir = t.TempDir()
	if status := c.status(t); status != 0 {
		t.Fatalf("exit status %d:\n%s", status, c.stderr.String())
	}
	if info, err := os.Stat(filepath.Join(c.Dir, "cpu")); err != nil || info.Size() == 0 {
		t.Errorf("cpu profile: %v", err)
	}
}

// A test binary can be started anywhere. Its tests run in the package's directory.
func TestBinaryRunsFromAnywhere(t *testing.T) {
	t.Parallel()
	c := newCommand(t, nil, binary(t, "flags"), "-test.run=Reads", "-test.v")
	c.Dir = "/"
	if status := c.status(t); status != 0 || !strings.Contains(c.stdout.String(), "--- PASS: TestReadsTestdata") {
		t.Errorf("exit status %d:\n%s%s", status, c.stdout.String(), c.stderr.String())
	}
}

// The same holds if TestMain calls a function of another package that calls Main.
func TestMainIsCalledThroughAnotherPackage(t *testing.T) {
	t.Parallel()
	c := newCommand(t, nil, binary(t, "through"), "-test.v")
	c.Dir = "/"
	if status := c.status(t); status != 0 || !strings.Contains(c.stdout.String(), "--- PASS: TestFilesAreThere") {
		t.Errorf("exit status %d:\n%s%s", status, c.stdout.String(), c.stderr.String())
	}
}

func TestCoverProfileArrives(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "cover")
	var profiles []string
	for _, env := range []string{native, "FLAGS_NATIVE="} {
		c := newCommand(t, []string{env}, "go", "test", "-count=1", "-covermode=count", "-coverpkg=./...", "-coverprofile="+file, "-run=TestDouble", ".")
		c.Dir = "testdata/flags"
		if status := c.status(t); status != 0 || !strings.Contains(c.stdout.String(), "coverage: 100.0% of statements") {
			t.Fatalf("exit status %d:\n%s%s", status, c.stdout.String(), c.stderr.String())
		}
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		profiles = append(profiles, string(b))
	}
	if d := cmp.Diff(profiles[0], profiles[1]); d != "" {
		t.Errorf("the profile is not that of the host (-host +guest):\n%s", d)
	}
}

// event is a line of go test -json.
type event struct{ Action, Test, Package, Output string }

func TestJSONIsWhole(t *testing.T) {
	t.Parallel()
	c := newCommand(t, nil, "go", "test", "-json", "-count=1", "./testdata/flags", "./testdata/red", "-run=Double|Parallel|TestPasses|Skipped|Prints")
	if status := c.status(t); status != 0 {
		t.Errorf("exit status %d, want 0", status)
	}
	open, ended := map[string]bool{}, 0
	for lines := bufio.NewScanner(&c.stdout); lines.Scan(); {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Errorf("not JSON: %q", lines.Text())
		}
		id := e.Package + "." + e.Test
		switch e.Action {
		case "run", "start":
			open[id] = true
		case "pass", "skip":
			if !open[id] {
				t.Errorf("%s has ended but never began", id)
			}
			delete(open, id)
			ended++
		case "fail":
			t.Errorf("%s failed", id)
		}
	}
	if len(open) > 0 || ended != 15 {
		t.Errorf("%d ends seen, want 15; without one: %v", ended, open)
	}
}

// A pass must not be served from go test's cache, which knows nothing of kernels.
func TestResultIsNotCached(t *testing.T) {
	t.Parallel()
	for range 2 {
		c := newCommand(t, nil, "go", "test", "-run=TestDouble", "./testdata/flags")
		if status := c.status(t); status != 0 || strings.Contains(c.stdout.String(), "(cached)") {
			t.Errorf("exit status %d, output %q; want 0 and nothing cached", status, c.stdout.String())
		}
	}
}

func TestRaceDetectorWorks(t *testing.T) {
	t.Parallel()
	c := newCommand(t, []string{"CGO_ENABLED=1"}, "go", "test", "-race", "-count=1", "-v", "-run=TestDouble|Reads", "./testdata/flags")
	if status := c.status(t); status != 0 || !strings.Contains(c.stdout.String(), "--- PASS: TestReadsTestdata") {
		t.Errorf("exit status %d:\n%s%s", status, c.stdout.String(), c.stderr.String())
	}
}

// A 32-bit test binary runs in the guest: started directly if the host can run it,
// and as KMODTEST_BINARY of a 64-bit one on every host.
func Test32BitBinaryWorks(t *testing.T) {
	t.Parallel()
	small := filepath.Join(t.TempDir(), "flags386.test")
	env := []string{"GOARCH=386", "CGO_ENABLED=0"}
	build := newCommand(t, env, "go", "test", "-c", "-o", small, "./testdata/flags")
	if status := build.status(t); status != 0 {
		t.Fatalf("exit status %d:\n%s", status, build.stderr.String())
	}
	args := []string{"test", "-count=1", "-v", "-run=TestDouble|Reads", "./testdata/flags"}
	runs := []*command{newCommand(t, []string{"KMODTEST_BINARY=" + small}, "go", args...)}
	if err := exec.Command(small, "-test.list=.").Run(); errors.Is(err, unix.ENOEXEC) {
		t.Log("this host's kernel cannot run 32-bit programs")
	} else {
		runs = append(runs, newCommand(t, env, "go", args...))
	}
	for _, c := range runs {
		if status := c.status(t); status != 0 || !strings.Contains(c.stdout.String(), "--- PASS: TestReadsTestdata") {
			t.Errorf("exit status %d:\n%s%s", status, c.stdout.String(), c.stderr.String())
		}
	}
}

// Fuzzing continues until it is interrupted. That is a regular end: the run passes,
// and its files are sent back.
func TestInterruptEndsFuzzing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := newCommand(t, nil, binary(t, "flags"), "-test.run=^$", "-test.fuzz=FuzzDouble", "-test.fuzzcachedir="+dir, "-test.cpuprofile="+filepath.Join(dir, "profile"))
	progress := &watched{}
	c.Stderr = progress
	c.startAndAwait(t, progress, "fuzz: elapsed: ")
	if err := c.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_ = c.Wait() // its status is checked next
	if got := c.ProcessState.ExitCode(); got != 0 || !strings.HasSuffix(c.stdout.String(), "PASS\n") {
		t.Errorf("exit status %d, want 0 and PASS:\n%s%s", got, &c.stdout, progress.text.String())
	}
	if info, err := os.Stat(filepath.Join(dir, "profile")); err != nil || info.Size() == 0 {
		t.Errorf("the profile was not sent back: %v", err)
	}
}

// Fuzzing writes the inputs that it finds to the package's testdata, as without a
// machine.
func TestFuzzingWorks(t *testing.T) {
	t.Parallel()
	c := newCommand(t, nil, "go", "test", "-run=^$", "-fuzz=FuzzDouble", "-fuzztime=20x", "./testdata/flags")
	if status := c.status(t); status != 0 || !strings.Contains(c.stdout.String(), "fuzz: elapsed: ") {
		t.Errorf("exit status %d:\n%s%s", status, c.stdout.String(), c.stderr.String())
	}
}
