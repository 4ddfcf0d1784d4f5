//go:build machines

package matrix

import (
	"strings"
	"testing"

	"github.com/kmodtest/kmodtest/harness/internal/coverage"
	"github.com/kmodtest/kmodtest/harness/internal/report"
)

// runCovered runs tests of which one makes the kernel panic, and measures the coverage.
func runCovered(t *testing.T, kernels ...report.Kernel) *report.Report {
	t.Helper()
	var lines strings.Builder
	rep, err := Run(t.Context(), Options{Kernels: kernels, Packages: []string{"../../testdata/covered"}, Coverage: true, Viewer: NewLines(&lines)})
	if err != nil {
		t.Fatal(err)
	}
	if rep.Status() != 0 || rep.Coverage == nil {
		t.Fatalf("exit status %d, coverage %v\n%s", rep.Status(), rep.Coverage, lines.String())
	}
	return rep
}

// The counts of several kernels are the same in one run and in two that are merged.
func TestCoverageOfKernelsIsAdded(t *testing.T) {
	first, second := report.Kernel{Name: "5.10", Order: 0}, report.Kernel{Name: "6.1", Order: 1}
	whole := runCovered(t, first, second)
	merged, err := report.Merge(runCovered(t, second), runCovered(t, first))
	if err != nil {
		t.Fatal(err)
	}
	for name, p := range map[string]*coverage.Profile{"in one run": whole.Coverage, "merged": merged.Coverage} {
		if got := strings.Join(p.Kernels, " "); got != "5.10 6.1" || len(p.Files) != 1 {
			t.Fatalf("%s: kernels %s, files %+v", name, got, p.Files)
		}
		texts := strings.Split(p.Files[0].Source, "\n")
		for text, perKernel := range map[string]uint64{"line of the panic": 1, "line of each set": 2, "line of b": 1, "line of the refusal": 1} {
			for _, l := range p.Files[0].Lines {
				if strings.Contains(texts[l.Number-1], text) && (l.Count != 2*perKernel || len(l.Reached) != 2 || len(l.Tests) == 0) {
					t.Errorf("%s: the %s was executed %d times in 2 kernels, want %d: %+v", name, text, l.Count, 2*perKernel, l)
				}
			}
		}
	}
	if got, want := merged.Coverage.Text(), whole.Coverage.Text(); got != want {
		t.Errorf("merged: %s; in one run: %s", got, want)
	}
}
