package bisect

import (
	"fmt"
	"slices"
	"testing"
)

// points returns the names of n points.
func points(n int) []string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprint(i))
	}
	return all
}

// find searches a list in which the points from first on are bad, and those in broken
// cannot be tested. It returns the candidates at the end, and the number of tests.
func find(t *testing.T, n, first int, broken map[string]bool) (left []string, tests int) {
	t.Helper()
	all := points(n)
	good, bad, skipped := []string{all[0]}, all[n-1], map[string]bool{}
	for {
		c := between(all, good, bad)
		id, ok := c.next(skipped)
		if !ok {
			return c.points, tests
		}
		tests++
		if tests > n {
			t.Fatalf("%d points, bad from %d on: more than %d tests", n, first, n)
		}
		switch at := slices.Index(all, id); {
		case broken[id]:
			skipped[id] = true
		case at >= first:
			bad = id
		default:
			good = append(good, id)
		}
	}
}

// With the test of the bad end, 65 points need 7 runs: 64 may be the first bad one.
func TestSearchHalves(t *testing.T) {
	for _, c := range []struct{ points, most int }{{2, 0}, {3, 1}, {5, 2}, {6, 3}, {64, 6}, {65, 6}, {66, 7}, {1025, 10}} {
		for first := 1; first < c.points; first++ {
			left, tests := find(t, c.points, first, nil)
			if !slices.Equal(left, []string{fmt.Sprint(first)}) || tests > c.most {
				t.Errorf("%d points, bad from %d on: found %v with %d tests, want at most %d", c.points, first, left, tests, c.most)
			}
		}
	}
}

func TestPointsThatCannotBeTestedAreAvoided(t *testing.T) {
	broken := map[string]bool{}
	for i := 20; i < 50; i++ {
		broken[fmt.Sprint(i)] = true
	}
	for first := 1; first < 64; first++ {
		left, tests := find(t, 64, first, broken)
		if first < 20 || first > 50 {
			if !slices.Equal(left, []string{fmt.Sprint(first)}) || tests > 12 {
				t.Errorf("bad from %d on: found %v with %d tests, want it alone with at most 12", first, left, tests)
			}
			continue
		}
		if len(left) != 31 || !slices.Contains(left, fmt.Sprint(first)) || !slices.Contains(left, "50") {
			t.Errorf("bad from %d on: found %v, want those that cannot be tested, and 50", first, left)
		}
	}
}
