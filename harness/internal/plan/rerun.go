package plan

import (
	"regexp"
	"slices"
	"strings"

	"github.com/kmodtest/kmodtest/harness/internal/report"
)

// Rerun returns the runs of a report that did not pass or are missing, with the arguments
// for each that choose the tests to run again. A run that failed outside of its tests, or
// of which not all tests are known, has none: all its tests run again.
func Rerun(rep *report.Report) map[report.Cell][]string {
	cells := map[report.Cell][]string{}
	for _, cell := range rep.Missing() {
		cells[cell] = nil
	}
	for i := range rep.Runs {
		if run := &rep.Runs[i]; run.State.Bad() {
			cells[report.Cell{Kernel: run.Kernel, Package: run.Package}] = failedOnly(run)
		}
	}
	return cells
}

func failedOnly(run *report.Run) []string {
	if run.State == report.Broken || run.Stage != "" && run.Stage != "tests" || run.Unlisted > 0 {
		return nil
	}
	var names []string
	for _, test := range run.Tests {
		name, _, _ := strings.Cut(test.Name, "/")
		if test.State.Bad() && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	for i, name := range names {
		names[i] = regexp.QuoteMeta(name)
	}
	return []string{"-test.run=^(" + strings.Join(names, "|") + ")$"}
}
