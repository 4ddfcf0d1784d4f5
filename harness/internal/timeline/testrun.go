package timeline

import (
	"regexp"
	"slices"

	"github.com/kmodtest/kmodtest/harness/internal/inside"
	"github.com/kmodtest/kmodtest/harness/internal/klog"
)

// TestRun is one run of a test, from its first mark to its last.
type TestRun struct {
	Name   string     // as in marks, see inside.MarkedName
	Paused bool       // waits for its turn, after a call of t.Parallel
	Result string     // PASS, FAIL or SKIP; "" until it has ended
	Took   string     // its time as the testing package prints it
	Inputs [][]uint64 // page numbers of the memory in which its fuzz workers keep their inputs

	parent       *TestRun
	expectations []*Expectation
}

// top returns the top-level test that the test belongs to.
func (r *TestRun) top() *TestRun {
	for r.parent != nil {
		r = r.parent
	}
	return r
}

// Expectation is a fault that a test allows or expects.
type Expectation struct {
	must    bool      // the test fails if the fault does not come
	kind    klog.Kind // "" for any
	pattern *regexp.Regexp
	from    int // the first record that it applies to
	met     bool
}

// String describes the fault.
func (e *Expectation) String() string {
	kind := "a fault"
	if e.kind != "" {
		kind = "a fault of kind " + string(e.kind)
	}
	return kind + " that matches " + e.pattern.String()
}

// expect adds the expectation in a mark. The guest has checked the pattern.
func (r *TestRun) expect(m inside.Mark, from int) {
	e := &Expectation{must: m.Verb == inside.MarkExpect, from: from}
	if e.must && len(m.Words) == 3 && m.Words[1] != "*" {
		e.kind = klog.Kind(m.Words[1])
	}
	var err error
	if e.pattern, err = regexp.Compile(m.Words[len(m.Words)-1]); err == nil && len(m.Words) > 1 && len(r.expectations) < maxExpectations {
		r.expectations = append(r.expectations, e)
	}
}

// maxExpectations is how many faults a test may allow and expect.
const maxExpectations = 1000

// excuses reports whether the test allows or expects the fault, and notes that
// it came.
func (r *TestRun) excuses(f Finding) bool {
	excuses := false
	for _, e := range r.expectations {
		if f.At >= e.from && (e.kind == "" || e.kind == f.Kind) && f.Matches(e.pattern) {
			e.met, excuses = true, true
		}
	}
	return excuses
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
