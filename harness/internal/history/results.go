package history

import (
	"cmp"
	"slices"

	"github.com/kmodtest/kmodtest/harness/internal/report"
)

// Place names a test on a kernel. Test is "" for the run itself, where it failed outside of
// tests.
type Place struct{ Package, Kernel, Test string }

// Results are the results of a test on a kernel, in the order of time.
type Results struct {
	Place
	Began    *Beginning // the failure that it has now; nil if it passed last
	Runs     int
	Failures int
	Flakes   int     // how often the result changed although kernel and commit did not
	Before   float64 // median of the first times it passed, in seconds
	Now      float64 // median of the last
}

// Beginning is when a test began to fail: the first run of those at the end that failed,
// and the last one before, if it passed at all.
type Beginning struct {
	First Record
	Last  *Record // the last run that passed; nil if none is known
}

// window is how many runs a median is of.
const window = 5

// result is the result of a test in a run.
type result struct {
	*Record
	bad     bool
	seconds float64
}

// Find returns the results of all tests, by package, kernel and name. Runs that are broken or
// not applicable say nothing about tests.
func Find(all []Record) []Results {
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b Record) int { return a.Time.Compare(b.Time) })
	series := map[Place][]result{}
	for i := range all {
		r := &all[i]
		if r.State == report.Broken || r.State == report.NotApplicable {
			continue
		}
		run := Place{r.Package, r.Kernel, ""}
		series[run] = append(series[run], result{r, r.State.Bad() && len(r.Bad) == 0, 0})
		for name, seconds := range r.Passed {
			place := Place{r.Package, r.Kernel, name}
			series[place] = append(series[place], result{r, false, seconds})
		}
		for name := range r.Bad {
			place := Place{r.Package, r.Kernel, name}
			series[place] = append(series[place], result{r, true, 0})
		}
	}
	var found []Results
	for place, results := range series {
		found = append(found, examine(place, results))
	}
	slices.SortFunc(found, func(a, b Results) int {
		return cmp.Or(cmp.Compare(a.Package, b.Package), cmp.Compare(a.Kernel, b.Kernel), cmp.Compare(a.Test, b.Test))
	})
	return found
}

func examine(place Place, results []result) Results {
	found := Results{Place: place, Runs: len(results)}
	var times []float64
	for i, r := range results {
		if r.bad {
			found.Failures++
		} else {
			times = append(times, r.seconds)
		}
		if i > 0 && r.bad != results[i-1].bad && r.sameInputs(results[i-1].Record) {
			found.Flakes++
		}
	}
	if n := len(results); n > 0 && results[n-1].bad {
		first := n - 1
		for first > 0 && results[first-1].bad {
			first--
		}
		found.Began = &Beginning{First: *results[first].Record}
		if first > 0 {
			found.Began.Last = results[first-1].Record
		}
	}
	if len(times) >= 2*window {
		found.Before, found.Now = median(times[:window]), median(times[len(times)-window:])
	}
	return found
}

// sameInputs reports whether two runs had the same kernel and the same known commit.
func (r *Record) sameInputs(other *Record) bool {
	return r.Commit != "" && r.Commit == other.Commit && r.Release == other.Release && r.Version == other.Version
}

func median(times []float64) float64 {
	times = slices.Sorted(slices.Values(times))
	return times[len(times)/2]
}

// Slower reports whether the test takes at least half a second and half its time more
// than before.
func (r *Results) Slower() bool { return r.Now-r.Before >= 0.5 && r.Now >= 1.5*r.Before }
