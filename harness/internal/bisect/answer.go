package bisect

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kmodtest/kmodtest/harness/internal/matrix"
	"github.com/kmodtest/kmodtest/harness/internal/report"
	"github.com/kmodtest/kmodtest/harness/internal/verdict"
)

// symptom is how the test fails at the bad end.
type symptom struct {
	step int  // of report.StepNames
	lost bool // the guest was lost without a report of the kernel
}

// testsStep is the step of the tests. A failure of the checks after them is one of the
// tests, too.
var testsStep = slices.Index(report.StepNames, "tests")

// stepOf returns the step in which a run failed.
func stepOf(run *report.Run) int {
	step := slices.Index(report.StepNames, run.Stage)
	if step < 0 || step > testsStep {
		return testsStep
	}
	return step
}

// isLost reports whether the guest of a run was lost.
func isLost(run *report.Run) bool {
	return run.State == report.Broken && run.Kind == verdict.GuestDown.String()
}

// symptomOf returns the symptom of the run at the bad end. It is an error if that run
// shows nothing to search for.
func symptomOf(run *report.Run) (symptom, error) {
	switch why := untested(run); {
	case run.State == report.Passed && why == "":
		return symptom{}, fmt.Errorf("the test passes")
	case isLost(run):
		return symptom{stepOf(run), true}, nil
	case why != "":
		return symptom{}, fmt.Errorf("the test cannot be run: %s", why)
	}
	return symptom{stepOf(run), false}, nil
}

// untested returns why a run shows nothing about the module, or "".
func untested(run *report.Run) string {
	switch {
	case run.State == report.NotApplicable, run.State == report.Broken:
		return strings.TrimSpace(run.Kind + ": " + run.Title)
	case run.Title == matrix.Uncompiled:
		return run.Title
	case run.State == report.Passed && !hasTest(run):
		return "no test of that name has run"
	case run.State.Bad() && stepOf(run) == 0:
		return run.Title
	}
	return ""
}

// hasTest reports whether a test has run that was not skipped.
func hasTest(run *report.Run) bool {
	return slices.ContainsFunc(run.Tests, func(t report.Test) bool { return t.State != report.Skipped })
}

// judge returns the answer of a run, and the reason in a few words. A run that fails in
// an earlier step than the bad end does not reach the test: it is skipped. One that
// fails in a later step is good: it has passed the step that is searched for.
func judge(run *report.Run, s symptom) (Answer, string) {
	if isLost(run) && s.lost && stepOf(run) == s.step {
		return Bad, run.Title
	}
	if why := untested(run); why != "" {
		return Skip, why
	}
	switch step := stepOf(run); {
	case run.State == report.Passed:
		return Good, "passed"
	case step < s.step:
		return Skip, run.Title
	case step > s.step:
		return Good, fmt.Sprintf("the step %s passed (later: %s)", report.StepNames[s.step], run.Title)
	}
	return Bad, run.Title
}
