package matrix

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kmodtest/kmodtest/harness/internal/report"
	"github.com/kmodtest/kmodtest/harness/internal/verdict"
)

// fakeVariable makes this test binary behave like one whose tests run in a
// machine. Its value is a fake, as JSON.
const fakeVariable = "MATRIX_TEST_FAKE"

// fake is the behaviour of a test binary.
type fake struct {
	Output  string // is printed
	Piece   string // is printed Pieces times after that, with %d replaced by a number
	Pieces  int
	End     string          // is printed after that
	Verdict *verdict.Report // nil for no verdict
	Log     string
	Status  int
	Killed  bool // ends by a signal
	Waits   bool // for SIGINT, after it has printed
}

func TestMain(m *testing.M) {
	if text := os.Getenv(fakeVariable); text != "" {
		var f fake
		if err := json.Unmarshal([]byte(text), &f); err != nil {
			panic(err)
		}
		f.run()
	}
	os.Exit(m.Run())
}

func (f fake) run() {
	out := bufio.NewWriterSize(os.Stdout, 1<<20)
	_, _ = out.WriteString(f.Output)
	for n := range f.Pieces {
		_, _ = out.WriteString(strings.ReplaceAll(f.Piece, "%d", strconv.Itoa(n)))
	}
	_, _ = out.WriteString(f.End)
	if err := out.Flush(); err != nil {
		panic(err)
	}
	if f.Waits {
		time.Sleep(time.Minute) // an interrupt ends the process
	}
	write := func(variable string, content []byte) {
		if err := os.WriteFile(os.Getenv(variable), content, 0o644); err != nil {
			panic(err)
		}
	}
	if f.Verdict != nil {
		b, err := json.Marshal(f.Verdict)
		if err != nil {
			panic(err)
		}
		write("KMODTEST_VERDICT", b)
	}
	if f.Log != "" {
		write("KMODTEST_KERNEL_LOG", []byte(f.Log))
	}
	if f.Killed {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		time.Sleep(time.Minute)
	}
	os.Exit(f.Status)
}

// do runs the fake as a job and returns its run and the output of a Lines viewer.
func (f fake) do(ctx context.Context, t *testing.T) (report.Run, string) {
	t.Helper()
	var lines strings.Builder
	return f.show(ctx, t, NewLines(&lines)), lines.String()
}

// show runs the fake as a job with a viewer, and returns its run.
func (f fake) show(ctx context.Context, t *testing.T, viewer Viewer) report.Run {
	t.Helper()
	text, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(fakeVariable, string(text))
	converter, err := newConverter(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	w := &work{options: Options{Viewer: viewer}, dir: t.TempDir(), converter: converter, report: &report.Report{}}
	job := &Job{Kernel: "9.9", Package: "example.org/tests", dir: t.TempDir(), binary: binary}
	w.one(ctx, job)
	if len(w.report.Runs) != 1 {
		t.Fatalf("%d runs in the report, want 1", len(w.report.Runs))
	}
	return w.report.Runs[0]
}

// interrupter is a viewer that ends a context as soon as a test begins.
type interrupter struct {
	*Lines
	interrupt func()
}

func (i interrupter) Test(*Job, report.Test) { i.interrupt() }

// tests is the output of a test binary with -test.v=test2json.
const tests = "\x16=== RUN   TestA\n\x16=== RUN   TestA/one\n    a_test.go:7: a word\n" +
	"\x16=== NAME  TestA\n\x16--- PASS: TestA (0.50s)\n\x16    --- PASS: TestA/one (0.25s)\n" +
	"\x16=== RUN   TestB\n\x16--- SKIP: TestB (0.00s)\n\x16=== RUN   TestC\n    c_test.go:9: wrong\n\x16--- FAIL: TestC (0.00s)\n" +
	"\x16=== RUN   TestD\nhalf a line\nthe oops\n"

func TestRunHasStateTimeAndOutputOfEachTest(t *testing.T) {
	run, lines := fake{
		Output: tests, Status: 255, Log: "[    0.1] hello\n[    0.2] bad \xff byte\n",
		Verdict: &verdict.Report{Version: 1, Status: 255, Kind: "kernel fault", Stage: "tests", Title: "BUG: it", Raw: "the oops", Platform: verdict.Platform{Accel: "tcg"}},
	}.do(t.Context(), t)
	want := []report.Test{
		{Name: "TestA", State: report.Passed, Seconds: 0.5},
		{Name: "TestA/one", State: report.Passed, Seconds: 0.25, Output: "    a_test.go:7: a word\n"},
		{Name: "TestB", State: report.Skipped},
		{Name: "TestC", State: report.Failed, Output: "    c_test.go:9: wrong\n"},
		{Name: "TestD", State: report.Fault, Output: "half a line\n"},
	}
	if fmt.Sprint(run.Tests) != fmt.Sprint(want) {
		t.Errorf("got tests\n%v, want\n%v", run.Tests, want)
	}
	if run.State != report.Fault || run.Status != 255 || run.Title != "BUG: it" || run.Raw != "the oops" {
		t.Errorf("got state %s, status %d, title %q, raw %q", run.State, run.Status, run.Title, run.Raw)
	}
	if want := "[    0.1] hello\n[    0.2] bad \ufffd byte"; run.KernelLog != want {
		t.Errorf("got log %q, want %q", run.KernelLog, want)
	}
	for _, want := range []string{"9.9 tests: begins", "9.9 tests: TestA passed (0.50 s)", "TestC failed", "fault", "BUG: it", "the oops", "c_test.go:9: wrong"} {
		if !strings.Contains(lines, want) {
			t.Errorf("no %q in the lines:\n%s", want, lines)
		}
	}
	if strings.Contains(lines, "TestA/one") {
		t.Errorf("a passing subtest has a line:\n%s", lines)
	}
}

// A test with a kernel fault has the state fault, even if tests ran on after it.
func TestFaultIsStateOfItsTest(t *testing.T) {
	run, _ := fake{
		Output: "\x16=== RUN   TestA\n\x16=== RUN   TestA/b/c\n    kernel fault (warn): WARNING in poke\n        the report\n\x16=== NAME  TestA\n    a_test.go:1: no\n" +
			"\x16--- FAIL: TestA (0.00s)\n\x16    --- FAIL: TestA/b/c (0.00s)\n\x16=== RUN   TestB\n    b_test.go:2: kernel fault (none)\n\x16--- FAIL: TestB (0.00s)\n" +
			"\x16=== RUN   TestC\nkernel fault (expected)\n\x16--- PASS: TestC (0.00s)\n\x16FAIL\n",
		Verdict: &verdict.Report{Version: 1, Kind: "kernel fault", Stage: "tests", Status: 255, Title: "WARNING in poke"}, Status: 255,
	}.do(t.Context(), t)
	var got []string
	for _, test := range run.Tests {
		got = append(got, fmt.Sprint(test.Name, " ", test.State))
	}
	if want := []string{"TestA fault", "TestA/b/c fault", "TestB failed", "TestC passed"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestHarnessLinesBelongToNoTest(t *testing.T) {
	run, _ := fake{
		Output: "\x16=== RUN   TestA\nkmodtest: a word\nmine\n\x16--- PASS: TestA (0.00s)\n\x16PASS\n", Verdict: &verdict.Report{Version: 1},
	}.do(t.Context(), t)
	if run.State != report.Passed || run.Output != "kmodtest: a word\n" || run.Tests[0].Output != "mine\n" {
		t.Errorf("got state %s, output %q and of the test %q", run.State, run.Output, run.Tests[0].Output)
	}
}

func TestNotesAreHarnessLinesBeforeOtherOutput(t *testing.T) {
	_, lines := fake{
		Output: "kmodtest: building a kernel\nmake: no rule\nkmodtest: the command was: make\nkmodtest: FAIL: test failed\n", Status: 1,
		Verdict: &verdict.Report{Version: 1, Kind: "test failed", Stage: "build", Status: 1, Title: "it does not build"},
	}.do(t.Context(), t)
	if !strings.Contains(lines, "9.9 tests: building a kernel\n") || strings.Contains(lines, "9.9 tests: the command") || strings.Contains(lines, "9.9 tests: FAIL") {
		t.Errorf("got lines\n%s", lines)
	}
	_, lines = fake{Output: "kmodtest: FAIL: host side broke\n", Status: 69}.do(t.Context(), t)
	if strings.Contains(lines, "9.9 tests: FAIL") {
		t.Errorf("got lines\n%s", lines)
	}
}

func TestRunWithoutVerdictDoesNotPass(t *testing.T) {
	for name, c := range map[string]struct {
		fake fake
		want string
	}{
		"no verdict":     {fake{Output: "\x16PASS\n"}, "ended without a verdict"},
		"status alone":   {fake{Status: 3}, "ended with exit status 3 and without a verdict"},
		"killed":         {fake{Killed: true}, "was killed before"},
		"other version":  {fake{Verdict: &verdict.Report{Version: 2}}, "version is 2"},
		"status differs": {fake{Verdict: &verdict.Report{Version: 1}, Status: 4}, ""},
		"unknown kind":   {fake{Verdict: &verdict.Report{Version: 1, Kind: "new kind", Title: "a title"}}, "a title"},
	} {
		t.Run(name, func(t *testing.T) {
			run, _ := c.fake.do(t.Context(), t)
			if run.State != report.Broken || !strings.Contains(run.Title, c.want) {
				t.Errorf("got state %s and title %q, want broken and %q", run.State, run.Title, c.want)
			}
		})
	}
}

func TestFailedTestsAreNamed(t *testing.T) {
	run, _ := fake{
		Output:  "\x16=== RUN   TestA\n\x16--- FAIL: TestA (0.00s)\n\x16FAIL\n",
		Verdict: &verdict.Report{Version: 1, Kind: "test failed", Stage: "tests", Status: 1, Title: "exit status 1"}, Status: 1,
	}.do(t.Context(), t)
	if run.State != report.Failed || run.Title != "TestA failed" {
		t.Errorf("got state %s and title %q", run.State, run.Title)
	}
}

func TestInterruptedRunIsReported(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	start := time.Now()
	run := fake{Output: "\x16=== RUN   TestA\n", Waits: true}.show(ctx, t, interrupter{NewLines(io.Discard), cancel})
	if run.State != report.Broken || run.Title != "interrupted" || time.Since(start) > grace {
		t.Errorf("got state %s and title %q after %v, want broken and interrupted", run.State, run.Title, time.Since(start))
	}
}

func TestShardsHaveEachRunOnce(t *testing.T) {
	const runs = 17
	for count := 1; count <= runs+1; count++ {
		var seen [runs]int
		for index := 1; index <= count; index++ {
			shard, err := ParseShard(fmt.Sprintf("%d/%d", index, count))
			if err != nil {
				t.Fatal(err)
			}
			size := 0
			for n := range runs {
				if shard.has(n) {
					seen[n]++
					size++
				}
			}
			if size < runs/count || size > runs/count+1 {
				t.Errorf("shard %d of %d has %d of %d runs", index, count, size, runs)
			}
		}
		for n, times := range seen {
			if times != 1 {
				t.Errorf("run %d is in %d of %d shards, want 1", n, times, count)
			}
		}
	}
}

func TestInvalidShardsAreRejected(t *testing.T) {
	for _, text := range []string{"", "1", "0/2", "3/2", "1/0", "-1/2", "a/b", "1/2/3"} {
		if shard, err := ParseShard(text); err == nil {
			t.Errorf("%q is accepted as %v", text, shard)
		}
	}
}

func TestCapacityDependsOnProcessorsAndMemory(t *testing.T) {
	for _, c := range []struct {
		processors int
		meminfo    string
		want       int
	}{
		{4, "MemTotal: 64000000 kB\nMemAvailable: 33554432 kB\n", 4},
		{1, "MemAvailable: 33554432 kB\n", 1},
		{8, "MemAvailable:    3200000 kB\n", 3},
		{8, "MemAvailable:     100000 kB\n", 1},
		{3, "", 3},
	} {
		if got := capacity(c.processors, c.meminfo); got != c.want {
			t.Errorf("%d processors and %q: %d machines, want %d", c.processors, c.meminfo, got, c.want)
		}
	}
}

func TestPackagesAreFoundOrLeftOut(t *testing.T) {
	packages, err := findPackages(t.Context(), "", []string{"./testdata/steady", "./testdata/plain", "../report/page/..", "./testdata/broken", "."})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, pkg := range packages {
		got = append(got, fmt.Sprintf("%s%s %t", pkg.path[strings.LastIndex(pkg.path, "/")+1:], pkg.leftOut, pkg.foreign))
	}
	want := []string{"matrix true", "broken false", "plain true", "steady false", "report true"}
	if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
		t.Errorf("got\n%q, want\n%q", got, want)
	}
}

func TestPackagesWithoutHarnessAreAdmittedIfConfigured(t *testing.T) {
	own, untested := goPackage{path: "own"}, goPackage{path: "untested", leftOut: "it has no tests"}
	foreign, other := goPackage{path: "foreign", dir: "/set", foreign: true}, goPackage{path: "other", dir: "/unset", foreign: true}
	for _, test := range []struct {
		packages []goPackage
		want     string
	}{
		{[]goPackage{own, foreign, other, untested}, "own foreign"},
		{[]goPackage{own, other}, "own"},
		{[]goPackage{foreign, other, untested}, "foreign other"},
	} {
		admit(test.packages, func(dir string) bool { return dir == "/set" })
		var got []string
		for _, pkg := range test.packages {
			if pkg.leftOut == "" {
				got = append(got, pkg.path)
			} else if pkg.foreign && !strings.Contains(pkg.leftOut, "no table [test] of kmodtest.toml is for it") {
				t.Errorf("%s is left out: %s", pkg.path, pkg.leftOut)
			}
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}

func TestUnknownPackageIsAnError(t *testing.T) {
	if _, err := findPackages(t.Context(), "", []string{"./no/such/directory"}); err == nil || !strings.Contains(err.Error(), "no/such/directory") {
		t.Errorf("got %v, want an error that names the directory", err)
	}
}
