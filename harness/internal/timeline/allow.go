package timeline

import (
	"regexp"
	"slices"
)

// Allow excuses faults of the whole run that match one of the patterns, as
// Config.Allow asks. It replaces the patterns of earlier calls.
func (t *Timeline) Allow(patterns []*regexp.Regexp) { t.allowed = patterns }

// allowedFaults are the patterns of Config.Allow.
type allowedFaults []*regexp.Regexp

// include reports whether one of the patterns matches the fault.
func (a allowedFaults) include(f Finding) bool { return slices.ContainsFunc(a, f.Matches) }
