package timeline

import "slices"

// TestRun is one run of a test, from its first mark to its last.
type TestRun struct {
	Name   string     // as in marks, see inside.MarkedName
	Turn   int        // its number among the top-level tests; -1 if its mark has none
	Paused bool       // waits for its turn, after a call of t.Parallel
	Result string     // PASS, FAIL or SKIP; "" until it has ended
	Took   string     // its time as the testing package prints it
	Inputs [][]uint64 // page numbers of the memory in which its fuzz workers keep their inputs

	parent       *TestRun
	waits        uint64 // for a subtest, in that round of testRuns.Active
	expectations []*Expectation
}

// top returns the top-level test that the test belongs to.
func (r *TestRun) top() *TestRun {
	for r.parent != nil {
		r = r.parent
	}
	return r
}

// Met returns the expected faults that came, as Expectation.String describes
// them.
func (r *TestRun) Met() []string {
	var all []string
	for _, e := range r.expectations {
		if e.must && e.met {
			all = append(all, e.String())
		}
	}
	return all
}

// AnyMet reports whether a fault came that the test or one of its parents expected.
func (r *TestRun) AnyMet() bool {
	for ; r != nil; r = r.parent {
		if len(r.Met()) > 0 {
			return true
		}
	}
	return false
}

// unmet returns the expected faults that did not come.
func (r *TestRun) unmet() []*Expectation {
	return slices.DeleteFunc(slices.Clone(r.expectations), func(e *Expectation) bool { return !e.must || e.met })
}
