package testoutput

import (
	"slices"

	"github.com/kmodtest/kmodtest/harness/internal/printable"
	"github.com/kmodtest/kmodtest/harness/internal/timeline"
)

// Death is the end of a machine in the middle of its tests.
type Death struct {
	Reason   string // one line
	Account  string // what the kernel was doing; lines, or empty
	OfKernel bool   // the kernel died or hung, which a test may expect; if false, only the test binary ended
}

// Died ends the tests that were active when their machine died: they fail, unless
// they expected it. The next machine completes the parents of active tests. All
// other tests that have not ended count as not begun. Flush must have been called.
func (r *Reporter) Died(d Death) error {
	end := &deathReport{r, d}
	if err := end.recover(); err != nil {
		return err
	}
	for _, run := range r.timeline.Running() {
		if t := r.tests.marked(run.Name); t != nil {
			r.tests.confirm(t, run)
		}
	}
	for _, run := range r.timeline.Active() {
		if err := end.perish(end.openTest(run), run); err != nil {
			return err
		}
	}
	for _, run := range r.timeline.Running() {
		if t := r.tests.marked(run.Name); t != nil {
			t.met = append(t.met, run.Met()...)
			t.met = t.met[:min(len(t.met), maxMet)]
		}
	}
	for _, run := range r.timeline.Running() {
		// A test that waited for its turn begins anew.
		if t := r.tests.marked(run.Name); t != nil && run.Paused && len(t.over) == 0 {
			r.tests.forget(t)
		}
	}
	for _, t := range r.tests.sorted() {
		if !t.known { // only the output has its beginning
			r.tests.forget(t)
		}
	}
	return nil
}

// maxMet is how many expected faults of earlier machines are kept for a test.
const maxMet = 1000

// deathReport reports how the tests of a machine that died ended.
type deathReport struct {
	*Reporter
	Death
}

// recover reports the tests whose end is in the kernel log, but did not arrive on
// standard output.
func (r *deathReport) recover() error {
	var numbers []uint64
	for number, run := range r.timeline.Ended() {
		if run.Result != "-" {
			numbers = append(numbers, number)
		}
	}
	slices.Sort(numbers)
	for _, number := range numbers {
		run := r.timeline.Ended()[number]
		t := r.openTest(run)
		if run.Result == "FAIL" {
			if err := r.out.add(t, "the last lines that the test logged were lost with the machine\n"); err != nil {
				return err
			}
		}
		r.mark = number
		if err := r.end(item{what: "--- " + run.Result, text: t.name + " (" + run.Took + ")"}); err != nil {
			return err
		}
	}
	return nil
}

// perish ends a test that was active when its machine died.
func (r *deathReport) perish(t *test, run *timeline.TestRun) error {
	faults, unmet := r.timeline.Of(run)
	expected := r.OfKernel && run.AnyMet() && len(faults)+len(unmet) == 0
	if err := r.addFaults(t, run); err != nil {
		return err
	}
	result := "--- PASS"
	if !expected {
		result = "--- FAIL"
		reason := r.Reason + "\n"
		if len(faults) > 0 {
			reason = ""
		}
		if err := r.out.add(t, reason+r.Account); err != nil {
			return err
		}
		if r.Account != "" { // it is long, and there may be many tests
			r.Account = "what the kernel was doing: see the output of the first of these tests\n"
		}
	}
	r.out.name = t.name
	again := r.past[t.identity()]
	r.past[t.identity()] = true
	if err := r.conclude(t, result, t.took(), true); err != nil {
		return err
	}
	if again { // it died before: to run its parents again would make no progress
		return r.abandon(t.parent)
	}
	return nil
}

// abandon ends a test and its parents, whose remaining subtests cannot be reached.
func (r *deathReport) abandon(t *test) error {
	for ; t != nil; t = t.parent {
		if err := r.conclude(t, "--- FAIL", t.took(), true); err != nil {
			return err
		}
	}
	return nil
}

// openTest returns the open test of a run. If its beginning was lost, it begins now; the
// testing package would not have printed a name that controls a terminal.
func (r *deathReport) openTest(run *timeline.TestRun) *test {
	t := r.tests.marked(run.Name)
	if t == nil {
		// The next line reports an error of the output.
		t, _ = r.begins.open(printable.Text(run.Name), run.Name)
	}
	r.tests.confirm(t, run)
	return t
}
