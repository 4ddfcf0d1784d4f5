package report

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// runOf returns a run with these results of tests: a name, with a minus before it if it
// failed.
func runOf(kernel string, state State, tests ...string) Run {
	run := Run{Kernel: kernel, Package: "p", State: state, Tests: []Test{}}
	for _, name := range tests {
		test := Test{Name: strings.TrimPrefix(name, "-"), State: Passed}
		if test.Name != name {
			test.State = Failed
		}
		run.Tests = append(run.Tests, test)
	}
	return run
}

func reportOf(commit, version string, runs ...Run) *Report {
	r := &Report{Version: Version, Started: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC), Commit: commit, Packages: []string{"p"}, Runs: runs}
	for i, run := range runs {
		r.Kernels = append(r.Kernels, Kernel{Name: run.Kernel, Order: i, Release: run.Kernel + ".0", Version: version})
	}
	return r
}

func TestChangesSincePreviousReport(t *testing.T) {
	for _, c := range []struct {
		name     string
		old, now *Report
		want     string
	}{
		{"new", reportOf("a", "1", runOf("6.1", Passed, "A", "B")), reportOf("b", "1", runOf("6.1", Failed, "-A", "-A/x", "B")), "new 6.1 A"},
		{"with another kernel", reportOf("a", "1", runOf("6.1", Passed, "A")), reportOf("a", "2", runOf("6.1", Failed, "-A")), "new 6.1 A 6.1.0 (1) 6.1.0 (2)"},
		{"mended", reportOf("a", "1", runOf("6.1", Failed, "-A", "B")), reportOf("b", "1", runOf("6.1", Passed, "A", "B")), "mended 6.1 A"},
		{"flaky", reportOf("a", "1", runOf("6.1", Failed, "-A")), reportOf("a", "1", runOf("6.1", Passed, "A")), "flaky 6.1 A"},
		{"unknown commits", reportOf("", "1", runOf("6.1", Failed, "-A")), reportOf("", "1", runOf("6.1", Passed, "A")), "mended 6.1 A"},
		{"still bad", reportOf("a", "1", runOf("6.1", Failed, "-A")), reportOf("b", "1", runOf("6.1", Failed, "-A")), ""},
		{"passed and failed", reportOf("a", "1", runOf("6.1", Passed, "A")), reportOf("b", "1", runOf("6.1", Failed, "A", "-A")), "new 6.1 A"},
		{"outside of tests", reportOf("a", "1", runOf("6.1", Passed, "A")), reportOf("b", "1", runOf("6.1", Failed)), "new 6.1 "},
		{"a new test", reportOf("a", "1", runOf("6.1", Passed, "A")), reportOf("b", "1", runOf("6.1", Failed, "A", "-B")), ""},
		{"a new kernel", reportOf("a", "1", runOf("6.1", Passed, "A")), reportOf("b", "1", runOf("6.12", Failed, "-A")), ""},
		{"broken", reportOf("a", "1", runOf("6.1", Passed, "A")), reportOf("b", "1", runOf("6.1", Broken, "-A")), ""},
	} {
		changed := Compare(c.old, c.now)
		var got []string
		for kind, changes := range map[string][]Change{"new": changed.New, "mended": changed.Mended, "flaky": changed.Flaky} {
			for _, change := range changes {
				got = append(got, strings.TrimRight(fmt.Sprintf("%s %s %s %s %s", kind, change.Kernel, change.Test, change.Before, change.Now), " "))
			}
		}
		if diff := cmp.Diff(strings.TrimRight(c.want, " "), strings.Join(got, "\n")); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
}

func TestChangesAreShown(t *testing.T) {
	now := reportOf("b", "2", runOf("6.1", Failed, "-TestA<b>", "TestB"))
	now.Changes = Compare(reportOf("a", "1", runOf("6.1", Failed, "TestA<b>", "-TestB")), now)
	page, err := now.HTML()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Since 2030-01-02 03:04 UTC", "new failures", "TestA&lt;b&gt;", "mended", "6.1.0 (1)"} {
		if !strings.Contains(string(page), want) {
			t.Errorf("the page does not have %q", want)
		}
	}
	markdown, err := now.Markdown()
	if err != nil {
		t.Fatal(err)
	}
	if want := "Since 2030-01-02 03:04 UTC: 1 new failures, 1 mended.\n"; !strings.Contains(string(markdown), want) {
		t.Errorf("no %q in\n%s", want, markdown)
	}
}
