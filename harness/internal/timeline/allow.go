package timeline

import (
	"regexp"
	"slices"

	"github.com/kmodtest/kmodtest/harness/internal/klog"
)

// excuses decides which faults are excused.
type excuses struct {
	allowed allowedFaults     // in the whole run
	judged  map[identity]bool // whether a complete fault is excused
}

// Allow sets the patterns of Config.Allow: faults of the whole run that match one
// of them are excused. It replaces the patterns of earlier calls.
func (e *excuses) Allow(patterns []*regexp.Regexp) {
	e.allowed = patterns
	clear(e.judged)
}

// allowedFaults are the patterns of Config.Allow.
type allowedFaults []*regexp.Regexp

// include reports whether one of the patterns matches the fault.
func (a allowedFaults) include(f Finding) bool { return slices.ContainsFunc(a, f.Matches) }

// identity distinguishes a fault that does not change any more from others.
type identity struct {
	at    int
	kind  klog.Kind
	title string
	lines int
}

// excused reports whether somebody expected or allowed the fault, and notes which
// expectations it meets. It compares a complete fault with patterns only once:
// expectations apply to later faults only.
func (e *excuses) excused(f Finding, p *patterns) bool {
	id := identity{f.At, f.Kind, f.Title, len(f.Report)}
	if excused, known := e.judged[id]; known && !f.Open {
		return excused
	}
	excused := e.allowed.include(f)
	for _, test := range f.Tests {
		for r := test; r != nil; r = r.parent {
			excused = r.excuses(f, p) || excused
		}
	}
	if !f.Open {
		e.judged[id] = excused
	}
	return excused
}
