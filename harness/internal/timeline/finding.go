package timeline

import (
	"slices"

	"github.com/kmodtest/kmodtest/harness/internal/klog"
)

// Finding is a fault and the tests that were active when it began.
type Finding struct {
	klog.Fault
	Tests   []*TestRun
	Awaits  bool // the mark of its test may still follow: the kernel has just logged the fault, and marks are Late
	Excused bool // a test expected or allowed it, or Config.Allow does
	Printed bool // the output of a test contains it
}

// Findings returns the faults so far, and notes which expectations are met.
func (t *Timeline) Findings() []Finding {
	var all []Finding
	for _, fault := range t.scan.Faults() {
		f := Finding{Fault: fault, Tests: t.guilty(fault.At), Printed: t.printed[fault.At]}
		f.Awaits = t.Late && len(f.Tests) == 0 && t.quiet == 0
		f.Excused = t.excused(f, &t.patterns)
		all = append(all, f)
	}
	return all
}

// Dropped returns the number of faults that are only counted, not kept.
func (t *Timeline) Dropped() int { return t.scan.Dropped() }

// Unexpected returns the faults so far that are neither expected nor allowed.
func (t *Timeline) Unexpected() []Finding {
	return slices.DeleteFunc(t.Findings(), func(f Finding) bool { return f.Excused })
}

// Of returns the faults of a test: those attributed to it and not excused, and the
// faults that it expected and that did not come.
func (t *Timeline) Of(r *TestRun) (faults []Finding, unmet []*Expectation) {
	faults = slices.DeleteFunc(t.Unexpected(), func(f Finding) bool { return !slices.Contains(f.Tests, r) })
	return faults, r.unmet()
}

// DiedAsExpected reports whether tests are active, and for each of them a fault
// came that the test or one of its parents expected.
func (t *Timeline) DiedAsExpected() bool {
	t.Findings()
	active := t.Active()
	return len(active) > 0 && !slices.ContainsFunc(active, func(r *TestRun) bool { return !r.AnyMet() })
}

// FaultWhileRunning reports whether a fault began during one of the top-level
// tests that have not ended.
func (t *Timeline) FaultWhileRunning() bool {
	return slices.ContainsFunc(t.Findings(), func(f Finding) bool {
		return slices.ContainsFunc(f.Tests, func(r *TestRun) bool { return slices.Contains(t.running, r.top()) })
	})
}

// SetPrinted notes that the output of a test contains the fault.
func (t *Timeline) SetPrinted(f Finding) { t.printed[f.At] = true }

// AllPrinted reports whether there were faults, and the tests' output contains all
// that are not excused.
func (t *Timeline) AllPrinted() bool {
	faults := t.Unexpected()
	return len(faults) > 0 && !slices.ContainsFunc(faults, func(f Finding) bool { return !f.Printed })
}
