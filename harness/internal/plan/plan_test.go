package plan

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kmodtest/kmodtest/harness/internal/report"
)

const sample = `
[test]
cpus = 2

[matrix]
unrelated = ["docs", "*.md"]

[matrix.sets.pr]
kernels = ["6.1"]

[matrix.sets.night]
kernels = ["*"]
packages = ["./..."]

[[matrix.allowed_to_fail]]
kernels = ["*-next"]
tests = "^TestNew"
reason = "the interface changes until the release"
until = 2030-06-30

[[matrix.not_applicable]]
kernels = ["5.*"]
packages = ["vmtest"]
reason = "needs an option of 6.1"
`

func parsed(t *testing.T) Table {
	t.Helper()
	table, err := parse([]byte(sample))
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func TestSetsAreFoundByName(t *testing.T) {
	table := parsed(t)
	if set, err := table.Set("night"); err != nil || !slices.Equal(set.Packages, []string{"./..."}) {
		t.Errorf("%v, %v", set, err)
	}
	if _, err := table.Set("day"); err == nil || !strings.Contains(err.Error(), `no set "day"`) || !strings.Contains(err.Error(), "night, pr") {
		t.Errorf("got %v, want the sets that there are", err)
	}
}

func TestFaultyTableIsExplained(t *testing.T) {
	for text, want := range map[string]string{
		"[matrix]\nset = 1\n":                    "line 2: there is no key matrix.set; the keys of [matrix] are ",
		"[matrix.sets.mine]\nkernel = ['6.1']\n": "line 2: there is no key matrix.sets.mine.kernel; the keys of [matrix.sets.mine] are kernels",
		"[matrix.sets.pr]\n":                     "[matrix.sets.pr] has no kernels",
		"[[matrix.allowed_to_fail]]\nkernels = ['a']\nuntil = 2030-01-01\n":                "1: no reason",
		"[[matrix.allowed_to_fail]]\nkernels = ['a']\nreason = 'r'\n":                      "1: no until",
		"[[matrix.allowed_to_fail]]\nreason = 'r'\nuntil = 2030-01-01\n":                   "every run",
		"[[matrix.allowed_to_fail]]\nkernels = ['a[']\nreason = 'r'\nuntil = 2030-01-01\n": `pattern "a["`,
		"[[matrix.allowed_to_fail]]\ntests = '('\nreason = 'r'\nuntil = 2030-01-01\n":      "missing closing )",
		"[[matrix.allowed_to_fail]]\nkernels = ['a']\nreason = 'r'\nuntil = 'tomorrow'\n":  "line 4",
		"[[matrix.not_applicable]]\nkernels = ['a']\nreason = 'r'\nuntil = 2030-01-01\n":   "allowed_to_fail only",
		"[[matrix.not_applicable]]\nkernels = ['a']\n":                                     "1: no reason",
	} {
		if _, err := parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}

func TestOnlyNamedFailuresAreAllowedUntilTheirDay(t *testing.T) {
	named := []report.Test{{Name: "TestNewSet", State: report.Failed}, {Name: "TestNewSet/sub", State: report.Failed}, {Name: "TestOld", State: report.Passed}}
	other := []report.Test{{Name: "TestNewSet", State: report.Failed}, {Name: "TestOld", State: report.Failed}}
	last, after := time.Date(2030, 6, 30, 23, 0, 0, 0, time.UTC), time.Date(2030, 7, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name  string
		run   report.Run
		today time.Time
		want  bool
	}{
		{"on the last day", report.Run{Kernel: "7-next", State: report.Failed, Stage: "tests", Tests: named}, last, true},
		{"after it", report.Run{Kernel: "7-next", State: report.Failed, Stage: "tests", Tests: named}, after, false},
		{"on another kernel", report.Run{Kernel: "7-min", State: report.Failed, Stage: "tests", Tests: named}, last, false},
		{"with another test", report.Run{Kernel: "7-next", State: report.Failed, Stage: "tests", Tests: other}, last, false},
		{"without tests", report.Run{Kernel: "7-next", State: report.Failed, Stage: "build"}, last, false},
		{"passed", report.Run{Kernel: "7-next", State: report.Passed, Tests: named[2:]}, last, false},
	} {
		table := parsed(t)
		rep := report.Report{Runs: []report.Run{c.run}}
		notes := table.Allow(&rep, c.today)
		if got := rep.Runs[0].Allowed != ""; got != c.want {
			t.Errorf("%s: allowed is %t (%q), want %t", c.name, got, rep.Runs[0].Allowed, c.want)
		}
		if c.want != (rep.Status() == 0 && c.run.State.Bad()) {
			t.Errorf("%s: exit status %d", c.name, rep.Status())
		}
		if got := strings.Contains(rep.Runs[0].Advice, "allowed to fail until 2030-06-30"); got != (c.name == "after it") {
			t.Errorf("%s: the advice is %q", c.name, rep.Runs[0].Advice)
		}
		if got := len(notes) == 1; got != (c.name == "passed") {
			t.Errorf("%s: the notes are %q", c.name, notes)
		}
	}
}

func TestRunsThatDoNotApplyAreExcluded(t *testing.T) {
	table := parsed(t)
	for cell, want := range map[report.Cell]bool{
		{Kernel: "5.10", Package: "example.org/m/vmtest"}: true, {Kernel: "5.10", Package: "example.org/m/other"}: false,
		{Kernel: "6.1", Package: "example.org/m/vmtest"}: false,
	} {
		if got := table.Excluded(cell.Kernel, cell.Package) != ""; got != want {
			t.Errorf("%v: excluded is %t, want %t", cell, got, want)
		}
	}
}

func TestOnlyFailuresRunAgain(t *testing.T) {
	rep := &report.Report{
		Kernels: []report.Kernel{{Name: "1"}, {Name: "2"}, {Name: "3"}, {Name: "4"}, {Name: "5"}}, Packages: []string{"p"},
		Runs: []report.Run{
			{Kernel: "1", Package: "p", State: report.Passed},
			{Kernel: "2", Package: "p", State: report.Failed, Stage: "tests", Tests: []report.Test{
				{Name: "TestA", State: report.Failed}, {Name: "TestB", State: report.Passed}, {Name: "TestC/x", State: report.Fault},
			}},
			{Kernel: "3", Package: "p", State: report.Failed, Stage: "build"},
			{Kernel: "4", Package: "p", State: report.NotApplicable},
		},
	}
	want := map[report.Cell][]string{{Kernel: "2", Package: "p"}: {"-test.run=^(TestA|TestC)$"}, {Kernel: "3", Package: "p"}: nil, {Kernel: "5", Package: "p"}: nil}
	if diff := cmp.Diff(want, Rerun(rep)); diff != "" {
		t.Error(diff)
	}
}

func TestPackageRunsUnlessChangeIsCertainlyElsewhere(t *testing.T) {
	table := parsed(t)
	a := Package{Path: "m/a", Dir: "a", Deps: []string{"a", "lib"}}
	b := Package{Path: "m/b", Dir: "b", Deps: []string{"b"}}
	for file, want := range map[string]string{
		"a/a_test.go": "m/a", "lib/lib.go": "m/a", "lib/lib_test.go": "", "b/testdata/x": "m/a m/b", "kmod/m.c": "m/a m/b", "go.mod": "m/a m/b",
		"alone/alone.go": "", "tool/tool.go": "m/a m/b", "README.md": "", "docs/deep/x.png": "", "b/b.go": "m/b", "ab/x.go": "",
	} {
		var got []string
		for _, pkg := range table.Changed([]Package{a, b}, []string{"tool"}, []string{file}) {
			got = append(got, pkg.Path)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %q", file, got, want)
		}
	}
}
