package cli

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/kmodtest/kmodtest/harness/internal/coverage"
	"github.com/kmodtest/kmodtest/harness/internal/report"
)

// coverageFlags are the flags about the coverage of modules.
type coverageFlags struct {
	measure bool
	least   string
}

// add adds the flag for the least coverage to a command.
func (f *coverageFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.least, "coverage-min", "", "fail if less of the lines, or of the lines and branches, was executed in all runs together, in percent: 100,95")
}

// check returns an error if the coverage of a report is below the least.
func (f *coverageFlags) check(rep *report.Report) error {
	least, err := coverage.ParseLeast(f.least)
	if err != nil {
		return &statusError{report.StatusBroken, err}
	}
	if f.least == "" {
		return nil
	}
	if rep.Coverage == nil {
		return &statusError{report.StatusFailed, errors.New("there is no coverage of modules to compare with --coverage-min: use kmodtest matrix --coverage")}
	}
	if below := least.Check(rep.Coverage.Summary()); below != "" {
		return &statusError{report.StatusFailed, errors.New("the coverage of the modules is too low: " + below)}
	}
	return nil
}
