//go:build machines

package matrix

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/kmodtest/kmodtest/harness/internal/report"
	"github.com/kmodtest/kmodtest/images"
)

// moodyKernels are the kernels for the packages in testdata: on the first the
// module does not build, on the second a test fails, on the third the kernel
// crashes.
var moodyKernels = []report.Kernel{{Name: "5.10", Order: 0}, {Name: "6.1", Order: 1}, {Name: "6.12", Order: 2}}

// runMoody runs the matrix of the packages in testdata, in machines.
func runMoody(t *testing.T, shard string) *report.Report {
	t.Helper()
	part, err := ParseShard(shard)
	if err != nil {
		t.Fatal(err)
	}
	var lines strings.Builder
	rep, err := Run(t.Context(), Options{
		Kernels: moodyKernels, Packages: []string{"./testdata/steady", "./testdata/moody"}, Shard: part, Viewer: NewLines(&lines),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("shard %s:\n%s", shard, lines.String())
	return rep
}

// moodyReport returns the report of the whole matrix, which runs only once.
func moodyReport(t *testing.T) *report.Report {
	t.Helper()
	moodyOnce.Do(func() { moodyWhole = runMoody(t, "1/1") })
	if moodyWhole == nil {
		t.Fatal("the matrix has no report: see the first test that ran it")
	}
	return moodyWhole
}

var (
	moodyOnce  sync.Once
	moodyWhole *report.Report
)

// outcome returns a report as JSON, without times and without texts that contain
// times or addresses.
func outcome(t *testing.T, rep *report.Report) string {
	t.Helper()
	bare := *rep
	bare.Started, bare.Seconds = time.Time{}, 0
	bare.Runs = slices.Clone(rep.Runs)
	for i := range bare.Runs {
		run := &bare.Runs[i]
		run.Started, run.Seconds, run.Phases = time.Time{}, 0, nil
		run.Output, run.KernelLog = "", ""
		if run.State == report.Fault {
			run.Raw, run.Advice = "", ""
		}
		run.Steps, run.Tests = slices.Clone(run.Steps), slices.Clone(run.Tests)
		for i := range run.Steps {
			run.Steps[i].Seconds = 0
		}
		for i := range run.Tests {
			run.Tests[i].Seconds = 0
			if run.Tests[i].State == report.Fault {
				run.Tests[i].Output = ""
			}
		}
	}
	b, err := json.MarshalIndent(bare, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestEachKernelEndsInItsOwnWay(t *testing.T) {
	rep := moodyReport(t)
	var got []string
	for _, run := range rep.Runs {
		got = append(got, fmt.Sprint(run.Kernel, " ", filepath.Base(run.Package), " ", run.State, " ", run.Stage))
	}
	want := []string{
		"5.10 moody failed build", "5.10 steady passed ", "6.1 moody failed tests", "6.1 steady passed ", "6.12 moody fault ", "6.12 steady passed ",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if rep.Status() != report.StatusFault {
		t.Errorf("exit status %d, want that of a fault", rep.Status())
	}
	if raw := rep.Runs[0].Raw; !strings.Contains(raw, `"moody_symbol_of_no_kernel"`) {
		t.Errorf("the compiler's messages do not name the unknown symbol:\n%s", raw)
	}
}

// Every kernel has a complete list of symbols, also kernels built from source: a
// module that uses another symbol does not build, and the reports say so. The
// test uses the kernels that are in the cache.
func TestUnknownSymbolFailsBuildOnEveryKernel(t *testing.T) {
	known, err := images.List(t.Context(), images.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var kernels []report.Kernel
	for i, status := range known {
		if status.State == images.Ready {
			kernels = append(kernels, report.Kernel{Name: status.Row.Name, Order: i})
		}
	}
	var lines strings.Builder
	rep, err := Run(t.Context(), Options{Kernels: kernels, Packages: []string{"./testdata/unknown"}, Viewer: NewLines(&lines)})
	if err != nil {
		t.Fatal(err)
	}
	if len(kernels) == 0 || len(rep.Runs) != len(kernels) {
		t.Errorf("%d runs on %d kernels", len(rep.Runs), len(kernels))
	}
	markdown, err := rep.Markdown()
	if err != nil {
		t.Fatal(err)
	}
	symbol := regexp.MustCompile(`["']unknown_symbol_of_no_kernel["']`) // the quotes depend on the kernel
	for _, run := range rep.Runs {
		if run.State != report.Failed || run.Step("build").State != report.Failed || !symbol.MatchString(run.Raw) {
			t.Errorf("%s: %s\n%s", run.Kernel, run.Summary(), run.Raw)
		}
	}
	if n := len(symbol.FindAll(markdown, -1)); n != len(kernels) {
		t.Errorf("the symbol is %d times in the Markdown report of %d kernels:\n%s", n, len(kernels), markdown)
	}
	t.Logf("on %d kernels:\n%s", len(kernels), lines.String())
}

func TestMergedShardsEqualWhole(t *testing.T) {
	first, second := runMoody(t, "1/2"), runMoody(t, "2/2")
	if len(first.Runs) != 3 || len(second.Runs) != 3 {
		t.Errorf("the shards have %d and %d runs, want 3 each", len(first.Runs), len(second.Runs))
	}
	merged, err := report.Merge(second, first)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := outcome(t, merged), outcome(t, moodyReport(t)); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// An interrupt ends all machines, and the reports are still written.
func TestInterruptLeavesReportsAndNothingElse(t *testing.T) {
	command := filepath.Join(t.TempDir(), "kmodtest")
	if out, err := exec.Command("go", "build", "-o", command, "../../cmd/kmodtest").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	temp, out := t.TempDir(), filepath.Join(t.TempDir(), "report")
	cmd := exec.Command(command, "matrix", "-k", "6.1,6.12", "-o", out, "./testdata/steady", "./testdata/endless")
	cmd.Env = append(os.Environ(), "TMPDIR="+temp)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var seen strings.Builder
	buffer := make([]byte, 4096)
	for strings.Count(seen.String(), "TestPassesFirst passed") < 1 { // then the next test begins
		n, err := stdout.Read(buffer)
		seen.Write(buffer[:n])
		if err != nil {
			t.Fatalf("%v after\n%s", err, seen.String())
		}
	}
	children := descendants(t, cmd.Process.Pid)
	if !strings.Contains(strings.Join(children, " "), "qemu") {
		t.Errorf("no QEMU among the processes: %q", children)
	}
	interrupted := time.Now()
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	for err == nil {
		var n int
		n, err = stdout.Read(buffer)
		seen.Write(buffer[:n])
	}
	_ = cmd.Wait() // its status is checked below
	if status := cmd.ProcessState.ExitCode(); status != report.StatusInterrupted {
		t.Errorf("exit status %d after %v, want %d\n%s", status, time.Since(interrupted), report.StatusInterrupted, seen.String())
	}
	for _, child := range children {
		pid, name, _ := strings.Cut(child, " ")
		if now, _ := os.ReadFile(filepath.Join("/proc", pid, "comm")); strings.TrimSpace(string(now)) == name {
			t.Errorf("process %s still runs", child)
		}
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
		t.Errorf("files left behind: %v, %v", left, err)
	}
	rep, err := report.Read(filepath.Join(out, report.JSONFile))
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(rep.Runs, func(run report.Run) bool { return run.Title == "interrupted" })
	if !rep.Interrupted || i < 0 || len(rep.Runs[i].Tests) == 0 {
		t.Errorf("the report has no interrupted run with tests: %s", outcome(t, rep))
	}
}

// descendants returns the processes that a process has started, directly or not,
// as "PID NAME".
func descendants(t *testing.T, pid int) []string {
	t.Helper()
	out, err := exec.Command("ps", "-e", "-o", "pid=,ppid=,comm=").Output()
	if err != nil {
		t.Fatal(err)
	}
	below := map[string]bool{fmt.Sprint(pid): true}
	var found []string
	for more := true; more; {
		more = false
		for line := range strings.Lines(string(out)) {
			fields := strings.Fields(line)
			if len(fields) < 3 || below[fields[0]] || !below[fields[1]] {
				continue
			}
			below[fields[0]], more = true, true
			found = append(found, fields[0]+" "+fields[2])
		}
	}
	return found
}
