package bisect

import "slices"

// Answer is the result of a test at a point of a search.
type Answer string

// The answers.
const (
	Good Answer = "good" // the test passes
	Bad  Answer = "bad"  // it fails as at the bad end
	Skip Answer = "skip" // it could not be tested
)

// candidates are the points that may be the first bad one.
type candidates struct {
	points []string // from the oldest to the bad one that is known
	middle string   // halves them best
}

// between returns the points of a list after the last good one up to the bad one.
func between(list, good []string, bad string) candidates {
	from := 0
	for i, id := range list {
		if slices.Contains(good, id) {
			from = i + 1
		}
	}
	points := list[from:max(slices.Index(list, bad)+1, from)]
	if len(points) == 0 {
		return candidates{}
	}
	return candidates{points, points[(len(points)-1)/2]}
}

// next returns the point to test next, or false if the search has ended. If some points
// were skipped, those between them probably have the same defect: next looks for the ends
// of that region, and only then inside.
func (c candidates) next(skipped map[string]bool) (string, bool) {
	var gaps [][]string // the points between those that were skipped
	gap := []string{}
	for i, id := range c.points {
		last := i == len(c.points)-1 // the bad one
		if !last && !skipped[id] {
			gap = append(gap, id)
			continue
		}
		gaps, gap = append(gaps, gap), []string{}
	}
	switch n := len(gaps); {
	case n == 0:
		return "", false
	case n == 1:
		return c.middle, len(gaps[0]) > 0
	case len(gaps[0])+len(gaps[n-1]) > 0:
		gaps = [][]string{gaps[0], gaps[n-1]}
	}
	longest := slices.MaxFunc(gaps, func(a, b []string) int { return len(a) - len(b) })
	if len(longest) == 0 {
		return "", false
	}
	return longest[len(longest)/2], true
}
