package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kmodtest/kmodtest/harness/internal/coverage"
	"github.com/kmodtest/kmodtest/harness/internal/report"
)

func TestKernelsAreChosenByPattern(t *testing.T) {
	t.Chdir(t.TempDir())
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("KMODTEST_KERNEL", "6.12")
	for patterns, want := range map[string]string{
		"":                `"6.12"`,
		" \n":             `"6.12"`,
		"5.10, 6.1":       `"5.10" "6.1"`,
		"5.10\n 6.1,\n":   `"5.10" "6.1"`,
		"6.1":             `"6.1"`,
		"6.12,5.10":       `"5.10" "6.12"`,
		"6.1,6.*,6.12":    `"6.1" "6.12"`,
		"/boot,./a,5.10":  `"5.10" "/boot" "HERE/a"`,
		"5.1[0-9],../a/b": `"5.10" "ABOVE/a/b"`,
	} {
		kernels, err := chooseKernels([]string{patterns})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, kernel := range kernels {
			// Some patterns also match the longer names of minimal kernels.
			if !strings.Contains(kernel.Name, "-") {
				got = append(got, `"`+kernel.Name+`"`)
			}
		}
		want = strings.NewReplacer("HERE", here, "ABOVE", filepath.Dir(here)).Replace(want)
		if strings.Join(got, " ") != want {
			t.Errorf("%s: got %s, want %s", patterns, got, want)
		}
	}
}

func TestKernelsAreListedOnOneLine(t *testing.T) {
	t.Setenv("KMODTEST_KERNEL", "6.1")
	stdout, stderr, status := run(t, "matrix", "--list")
	if !strings.HasPrefix(stdout, `[{"name":"6.1","key":"6.1-`) || strings.Count(stdout, "\n") != 1 || stderr != "" || status != 0 {
		t.Errorf("got %q, on stderr %q, exit status %d; want the kernel of the environment", stdout, stderr, status)
	}
}

func TestMatrixThatCannotStartIsExplained(t *testing.T) {
	for _, test := range []struct{ args, want string }{
		{"matrix -k 2.4", `there is no kernel "2.4"`},
		{"matrix -k 6.[", `choose kernels by "6.["`},
		{"matrix --shard 3/2", `shard is "3/2"`},
		{"matrix --machines many", "invalid argument"},
		{"matrix -k 6.1 ../exitstatus", "none of the packages has tests that run in a machine"},
		{"matrix -k 6.1 ./no/such/directory", "no/such/directory"},
		{"report merge /no/such/report.json", "no such file or directory"},
	} {
		_, stderr, status := run(t, strings.Fields(test.args)...)
		if status != report.StatusBroken || !strings.HasPrefix(stderr, "kmodtest: ") || !strings.Contains(stderr, test.want) {
			t.Errorf("kmodtest %s: on stderr %q, exit status %d; want %q and %d", test.args, stderr, status, test.want, report.StatusBroken)
		}
	}
}

// writePart writes the report of a package on one kernel.
func writePart(t *testing.T, dir, kernel string, order int, state report.State) {
	t.Helper()
	part := report.Report{
		Version: report.Version, Kernels: []report.Kernel{{Name: kernel, Order: order}}, Packages: []string{"example.org/p"},
		Runs: []report.Run{{Kernel: kernel, Package: "example.org/p", State: state}},
	}
	if err := part.Write(filepath.Join(dir, kernel)); err != nil {
		t.Fatal(err)
	}
}

// A run without tests fails, unless it has benchmarks.
func TestRunWithoutTestsFails(t *testing.T) {
	idle := report.Run{State: report.Passed, Output: "testing: warning: no tests to run\nPASS\n"}
	busy := report.Run{State: report.Passed, Output: "PASS\n", Tests: []report.Test{{Name: "TestIt", State: report.Passed}}}
	bench := report.Run{State: report.Passed, Output: "BenchmarkIt 1 5 ns/op\nPASS\n"}
	for _, test := range []struct {
		runs []report.Run
		want string
	}{
		{[]report.Run{idle, idle}, "no test has run: check that -test.run matches a test"},
		{[]report.Run{idle, busy}, ""},
		{[]report.Run{bench}, ""},
	} {
		if err := verdict(&report.Report{Runs: test.runs}); err == nil && test.want != "" || err != nil && err.Error() != test.want {
			t.Errorf("%v: got error %v, want %q", test.runs, err, test.want)
		}
	}
}

func TestMergeEndsWithStatusOfWhole(t *testing.T) {
	for _, test := range []struct {
		state   report.State // of kernel 6.1; 5.10 passed
		kernels string
		status  int
		want    string
	}{
		{report.Passed, "5.10,6.1", 0, ""},
		{report.Passed, "5.10,6.1,6.12", report.StatusBroken, "no report has a run of example.org/p on kernel 6.12"},
		{report.Failed, "5.10,6.1,6.12", report.StatusFailed, "1 passed, 1 not run, 1 failed"},
		{report.Fault, "", report.StatusFault, "1 passed, 1 fault"},
	} {
		in, out := t.TempDir(), t.TempDir()
		writePart(t, in, "6.1", 1, test.state)
		writePart(t, in, "5.10", 0, report.Passed)
		stdout, stderr, status := run(t, "report", "merge", "-o", out, "-k", test.kernels, in)
		if status != test.status || !strings.Contains(stderr, test.want) || test.want == "" && stderr != "" {
			t.Errorf("%s: on stderr %q, exit status %d; want %q and %d", test.state, stderr, status, test.want, test.status)
		}
		whole, err := report.Read(filepath.Join(out, report.JSONFile))
		if err != nil {
			t.Fatal(err)
		}
		if whole.Kernels[0].Name != "5.10" || len(whole.Runs) != 2 || !strings.Contains(stdout, filepath.Join(out, report.HTMLFile)) {
			t.Errorf("the whole is %+v, and stdout is %q", whole, stdout)
		}
	}
}

func TestMergeNamesReportsThatConflict(t *testing.T) {
	in := t.TempDir()
	first, second := filepath.Join(in, "a"), filepath.Join(in, "b")
	writePart(t, first, "6.1", 0, report.Passed)
	writePart(t, second, "6.1", 0, report.Failed)
	_, stderr, status := run(t, "report", "merge", "-o", t.TempDir(), first, second)
	want := "there are two runs of example.org/p on kernel 6.1, from "
	ways := fmt.Sprintf("leave %s/6.1/report.json or %s/6.1/report.json out, or run one of them without that kernel: kmodtest matrix -k", first, second)
	if status != report.StatusBroken || !strings.Contains(stderr, want) || !strings.Contains(stderr, ways) {
		t.Errorf("on stderr %q, exit status %d; want %q and %q", stderr, status, want, ways)
	}
}

// Two runs of make coverage, with other kernels, make one page.
func TestMergedPartsHaveOneCoverage(t *testing.T) {
	in, out := t.TempDir(), t.TempDir()
	for order, kernel := range []string{"5.10", "6.1"} {
		part := report.Report{
			Version: report.Version, Kernels: []report.Kernel{{Name: kernel, Order: order}}, Packages: []string{"example.org/p"},
			Runs: []report.Run{{Kernel: kernel, Package: "example.org/p", State: report.Passed, Tests: []report.Test{{Name: "TestIt", State: report.Passed}}}},
			Coverage: &coverage.Profile{Kernels: []string{kernel}, Tests: []string{"TestIt"}, Files: []coverage.File{{Name: "/src/m.c", Source: "a\nb\n", Lines: []coverage.Line{
				{Number: 1 + order, Count: 3, Kernels: []int{0}, Reached: []int{0}, Tests: []int{0}}, {Number: 2 - order, Kernels: []int{0}},
			}}}},
		}
		slices.SortFunc(part.Coverage.Files[0].Lines, func(a, b coverage.Line) int { return a.Number - b.Number })
		if err := part.Write(filepath.Join(in, kernel)); err != nil {
			t.Fatal(err)
		}
	}
	stdout, stderr, status := run(t, "report", "merge", "-o", out, "--coverage-min", "100", filepath.Join(in, "6.1"), filepath.Join(in, "5.10"))
	if status != 0 || !strings.Contains(stdout, "100 % of 2 lines") {
		t.Errorf("exit status %d\n%s%s", status, stdout, stderr)
	}
	page, err := os.ReadFile(filepath.Join(out, report.HTMLFile))
	if err != nil || !strings.Contains(string(page), `<span class="where">m.c</span> <span>2 of 2 lines</span>`) {
		t.Errorf("the page does not have both lines: %v", err)
	}
	whole, err := report.Read(filepath.Join(out, report.JSONFile))
	if err != nil || !slices.Equal(whole.Coverage.Kernels, []string{"5.10", "6.1"}) {
		t.Errorf("the coverage is %+v, %v", whole.Coverage, err)
	}
}

func TestExtraKernelsMustBeNamed(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("KMODTEST_KERNEL", "")
	for patterns, want := range map[string]bool{"": false, "*": false, "6.1-full": true, "6.1-*": true, "*,6.1-full": true} {
		kernels, err := chooseKernels([]string{patterns})
		if err != nil {
			t.Fatal(err)
		}
		got := slices.ContainsFunc(kernels, func(k report.Kernel) bool { return k.Name == "6.1-full" })
		if got != want {
			t.Errorf("%q chooses the extra kernel 6.1-full: %t, want %t", patterns, got, want)
		}
	}
}
