package harness

import "fmt"

// Coverage measures which lines and branches of modules are executed, by gcc's gcov.
// The modules are then built differently, and tests run slower; docs/coverage.md has the
// details. If some modules are below the directory of the test package and others are not,
// those below are part of the tests, and not measured. Neither are .ko files.
type Coverage struct {
	// Dir is the directory for the results: coverage.json, coverage.info for lcov, and
	// cobertura.xml. If it is empty, and KMODTEST_COVERAGE is not set, nothing is
	// measured.
	Dir string

	// Lines and Branches are the least shares in percent, from 0 to 100. A run that
	// measures less fails. KMODTEST_COVERAGE_MIN overrides both.
	Lines, Branches float64
}

func (c Coverage) check() error {
	for _, percent := range []float64{c.Lines, c.Branches} {
		if !(percent >= 0 && percent <= 100) {
			return fmt.Errorf("harness.Config: Coverage: Lines is %v and Branches %v; both are percentages from 0 to 100", c.Lines, c.Branches)
		}
	}
	return nil
}
