package plan

import (
	"fmt"
	"strings"
	"time"

	"github.com/kmodtest/kmodtest/harness/internal/report"
)

// Excluded returns why a package does not apply to a kernel, or "".
func (t *Table) Excluded(kernel, pkg string) string {
	for i := range t.NotApplicable {
		if t.NotApplicable[i].has(kernel, pkg) {
			return t.NotApplicable[i].Reason
		}
	}
	return ""
}

// Allow marks the runs of a report that failed and are allowed to, on the given day. A
// rule that has ended is named in the advice of the runs that it was for. The lines that
// Allow returns are for rules whose runs all passed, and that can be removed.
func (t *Table) Allow(rep *report.Report, today time.Time) []string {
	var notes []string
	for i := range t.AllowedToFail {
		rule := &t.AllowedToFail[i]
		runs, failed := 0, 0
		for j := range rep.Runs {
			run := &rep.Runs[j]
			if !rule.has(run.Kernel, run.Package) {
				continue
			}
			runs++
			switch {
			case !run.State.Bad():
			case !rule.covers(run):
				failed++
			case rule.hasEnded(today):
				failed++
				run.Advice = strings.TrimLeft(run.Advice+"\n"+fmt.Sprintf("It was allowed to fail until %s: %s", rule.Until, rule.Reason), "\n")
			default:
				failed++
				run.Allowed = fmt.Sprintf("%s (until %s)", rule.Reason, rule.Until)
			}
		}
		if runs > 0 && failed == 0 {
			notes = append(notes, fmt.Sprintf("allowed to fail until %s, but passed: %s", rule.Until, rule.Reason))
		}
	}
	return notes
}

// hasEnded reports whether the rule's last day is before today.
func (r *Rule) hasEnded(today time.Time) bool {
	return !today.Before(r.Until.AsTime(today.Location()).AddDate(0, 0, 1))
}

// covers reports whether a run failed only as the rule allows: without an expression for
// tests in any way, or else in tests with such names only.
func (r *Rule) covers(run *report.Run) bool {
	if r.Tests == "" {
		return true
	}
	n := 0
	for _, test := range run.Tests {
		if !test.State.Bad() || strings.Contains(test.Name, "/") {
			continue
		}
		n++
		if !r.tests.MatchString(test.Name) {
			return false
		}
	}
	return n > 0 && (run.Stage == "" || run.Stage == "tests")
}
