package matrix

import "github.com/kmodtest/kmodtest/harness/internal/coverage"

// readCoverage reads the coverage of a run on a kernel, or returns nil if there is none,
// as after a build that failed.
func readCoverage(dir, kernel string) (*coverage.Profile, error) {
	p, err := coverage.Read(dir)
	if p != nil {
		p.Kernels = []string{kernel} // by its name, not its release
	}
	return p, err
}
