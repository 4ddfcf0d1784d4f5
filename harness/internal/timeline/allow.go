package timeline

import (
	"regexp"
	"slices"
)

// Allow sets the patterns of Config.Allow: faults of the whole run that match one
// of them are excused. It replaces the patterns of earlier calls.
func (t *Timeline) Allow(patterns []*regexp.Regexp) {
	t.allowed = patterns
	clear(t.judged)
}

// allowedFaults are the patterns of Config.Allow.
type allowedFaults []*regexp.Regexp

// include reports whether one of the patterns matches the fault.
func (a allowedFaults) include(f Finding) bool { return slices.ContainsFunc(a, f.Matches) }
