package matrix

import (
	"cmp"
	"slices"

	"github.com/kmodtest/kmodtest/harness/internal/coverage"
	"github.com/kmodtest/kmodtest/harness/internal/report"
)

// readCoverage reads the coverage of a run on a kernel, or returns nil if there is none,
// as after a build that failed.
func readCoverage(dir, kernel string) (*coverage.Profile, error) {
	p, err := coverage.Read(dir)
	if p != nil {
		p.Kernels = []string{kernel} // by its name, not its release
	}
	return p, err
}

// mergeCoverage returns the coverage of all runs, with kernels in the report's order; nil
// if none was measured.
func mergeCoverage(profiles []*coverage.Profile, kernels []report.Kernel) *coverage.Profile {
	if len(profiles) == 0 {
		return nil
	}
	place := map[string]int{}
	for i, k := range kernels {
		place[k.Name] = i
	}
	slices.SortStableFunc(profiles, func(a, b *coverage.Profile) int {
		return cmp.Compare(place[a.Kernels[0]], place[b.Kernels[0]])
	})
	return coverage.Merge(profiles...)
}
