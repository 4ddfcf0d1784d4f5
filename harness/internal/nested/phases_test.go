//go:build kvm

package nested

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"testing"
)

// TestWarmRunHasPhases prints the rows of the second table in docs/kvm.md: which share
// of a run each phase takes, if the machine is restored. Of several runs, it takes
// the one in which the machine was restored fastest: other load on the host delays
// the others.
func TestWarmRunHasPhases(t *testing.T) {
	p := outer(t)
	env, _ := ownSnapshots(t, p)
	i := inner{innerRun: red, place: p, env: []string{env, forceKVM, "KMODTEST_TRACE=1"}}
	i.run(t, "-test.run=^TestPasses$").wantPass(t)
	var best map[string]float64
	for range 3 {
		r := i.run(t, "-test.run=^TestPasses$")
		r.wantPass(t)
		if phases := r.phases(t); best == nil || phases[restored] < best[restored] {
			best = phases
		}
	}
	var sum float64
	for _, seconds := range best {
		sum += seconds
	}
	longestFirst := func(a, b string) int { return cmp.Compare(best[b], best[a]) }
	for _, name := range slices.SortedFunc(maps.Keys(best), longestFirst) {
		t.Logf("phase: %s | %.0f %% |", name, 100*best[name]/sum)
	}
}

// restored is the phase in which a machine is restored.
const restored = "restore or boot"

// phases returns the seconds that each phase of an inner run took.
func (r result) phases(t *testing.T) map[string]float64 {
	t.Helper()
	phases := map[string]float64{}
	for _, found := range regexp.MustCompile(`([a-z][a-z ]*) (\d+\.\d+) s(?:,|$|\n)`).FindAllStringSubmatch(r.stderr, -1) {
		seconds, err := strconv.ParseFloat(found[2], 64)
		if err != nil {
			t.Fatal(err)
		}
		phases[found[1]] += seconds
	}
	if phases[restored] == 0 || phases["tests"] == 0 {
		t.Fatalf("no phases in the output:\n%s", r.stderr)
	}
	return phases
}
