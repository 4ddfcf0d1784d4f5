package testoutput

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/kmodtest/kmodtest/harness/internal/inside"
	"github.com/kmodtest/kmodtest/harness/internal/timeline"
)

// tests records which tests have begun and ended, in all machines.
type tests struct {
	open  map[string]*test // have begun and not ended, by name
	marks map[string]*test // the same, by the name in marks
	deep  bool             // a test is nested too deep
	ended map[int]bool     // top-level tests whose end a mark confirms, by number
	ends  int              // of top-level tests, confirmed or not
	size  int              // bytes of the names that are kept
	// foreign reports that the guest numbers no tests; see Options.Foreign. Then these are the
	// runs of top-level tests, by number, and the number of the last run of each name.
	foreign bool
	runs    []topRun
	numbers map[string]int
}

// topRun is one run of a top-level test, in a round of -test.count that is 1 or more.
type topRun struct {
	name  string
	round int
}

// numberOf returns the number of a top-level test that has no number of the guest's: each
// name has one in each round.
func (ts *tests) numberOf(name string) int {
	round := 1
	if i, known := ts.numbers[name]; known {
		if !ts.ended[i] {
			return i
		}
		round = ts.runs[i].round + 1
	}
	if ts.numbers == nil {
		ts.numbers = map[string]int{}
	}
	ts.numbers[name] = len(ts.runs)
	ts.runs = append(ts.runs, topRun{name, round})
	ts.size += cost(name)
	return len(ts.runs) - 1
}

// round returns the last round that has begun, 1 or more.
func (ts *tests) round() int {
	last := 1
	for _, run := range ts.runs {
		last = max(last, run.round)
	}
	return last
}

// Limits of what a guest may report.
const (
	maxNames = 32 << 20 // bytes of the names of running tests and their subtests
	maxTests = 1 << 20  // top-level tests
	maxDepth = 100      // tests around a test
	// maxLevels is the number of slashes, from the end of a subtest's name, at
	// which its parent's name may end.
	maxLevels = 256
)

// ErrTooMany is the error of a guest that reports more tests than the host
// keeps.
var ErrTooMany = fmt.Errorf("the test binary reports more than %d tests, more than %d MiB of their names, or tests inside more than %d others",
	maxTests, maxNames>>20, maxDepth)

// full reports whether the guest has reported too many tests.
func (ts *tests) full() bool { return ts.deep || ts.size > maxNames || ts.ends > maxTests }

// cost returns how many bytes a name takes.
func cost(name string) int { return len(name) + 64 }

// test is a test that has begun.
type test struct {
	name   string
	mark   string // its name in marks
	parent *test
	depth  int       // the number of tests around it
	number int       // of a top-level test; -1 if it has none, or no mark has confirmed it
	known  bool      // a mark confirms that it has begun; set when its machine has died
	began  time.Time // by the host's clock
	text   Excerpt   // printed below its last line
	failed bool      // even if the guest reports a pass
	over   []string  // names of its subtests that have ended
	met    []string  // the faults that it expected and that came, in earlier machines
}

func (ts *tests) begin(name, mark string) *test {
	t := &test{name: name, mark: mark, parent: ts.around(name), number: -1, began: time.Now()}
	if ts.foreign && isTest(name) && !strings.Contains(name, "/") {
		t.number = ts.numberOf(name)
	}
	if t.parent != nil {
		t.depth = t.parent.depth + 1
		ts.deep = ts.deep || t.depth > maxDepth
	}
	ts.open[name] = t
	ts.marks[mark] = t
	ts.size += cost(name)
	return t
}

// confirm notes that the marks have the beginning of a test.
func (ts *tests) confirm(t *test, run *timeline.TestRun) {
	t.known = true
	if !ts.foreign {
		t.number = run.Turn
	}
}

// forget removes a test, as if it had not begun.
func (ts *tests) forget(t *test) {
	if ts.open[t.name] == t {
		delete(ts.open, t.name)
		delete(ts.marks, t.mark)
		ts.size -= cost(t.name)
	}
	for _, name := range t.over {
		ts.size -= cost(name)
	}
	t.over = nil
}

// end removes a test that has ended. If a mark confirms that, it does not run again in a
// further machine.
func (ts *tests) end(t *test, confirmed bool) {
	ts.forget(t)
	if t.parent == nil {
		ts.ends++
	}
	if !confirmed {
		return
	}
	if t.number >= 0 {
		ts.ended[t.number] = true
	}
	if t.parent != nil {
		t.parent.over = append(t.parent.over, t.name)
		ts.size += cost(t.name)
	}
}

// around returns the open parent test of a test with that name.
func (ts *tests) around(name string) *test {
	for range maxLevels {
		i := strings.LastIndexByte(name, '/')
		if i < 0 {
			return nil
		}
		name = name[:i]
		if parent := ts.open[name]; parent != nil {
			return parent
		}
	}
	return nil
}

// sorted returns the open tests, parents before their subtests.
func (ts *tests) sorted() []*test {
	names := slices.Sorted(maps.Keys(ts.open))
	all := make([]*test, len(names))
	for i, name := range names {
		all[i] = ts.open[name]
	}
	return all
}

// marked returns the open test that has that name in marks, or nil.
func (ts *tests) marked(name string) *test { return ts.marks[name] }

// Selection is the tests that one machine runs.
type Selection struct {
	Turns string // top-level tests, as inside.TurnsVariable holds them; "" for all
	Skip  string // a pattern of tests to skip, in addition to the user's; "" for none
	Count int    // rounds of -test.count; 0 for the user's
}

// Remaining returns the tests that are left for other machines: the rest of each
// test that has subtests which have ended, then all that have not begun.
func (r *Reporter) Remaining() []Selection {
	if r.Foreign {
		return r.tests.byName(r.Count)
	}
	var all []Selection
	over := r.tests.ended
	for _, t := range r.tests.sorted() {
		if t.parent != nil || t.number < 0 {
			continue
		}
		all = append(all, Selection{Turns: fmt.Sprintf("only %d", t.number), Skip: r.tests.skips(t)})
		over[t.number] = true
	}
	if len(over) == 0 {
		return append(all, Selection{})
	}
	var numbers []string
	for number := range over {
		numbers = append(numbers, fmt.Sprint(number))
	}
	slices.SortFunc(numbers, func(a, b string) int { return cmp.Or(len(a)-len(b), strings.Compare(a, b)) })
	return append(all, Selection{Turns: "but " + strings.Join(numbers, ",")})
}

// skips returns a pattern for the subtests of a test that have ended.
func (ts *tests) skips(top *test) string {
	var patterns []string
	for _, t := range ts.sorted() {
		if t != top && !strings.HasPrefix(t.name, top.name+"/") {
			continue
		}
		for _, name := range t.over {
			var levels []string
			for level := range strings.SplitSeq(name, "/") {
				levels = append(levels, "^"+regexp.QuoteMeta(level)+"$")
			}
			patterns = append(patterns, strings.Join(levels, "/"))
		}
	}
	return strings.Join(patterns, "|")
}

// byName returns the tests that are left of count rounds, if tests can be selected only by
// name: the rest of the current round, and further ones.
func (ts *tests) byName(count int) []Selection {
	if count <= 1 {
		return []Selection{{Skip: ts.skipsByName()}}
	}
	var left []Selection
	if !ts.isComplete() {
		left = append(left, Selection{Skip: ts.skipsByName(), Count: 1})
	}
	if more := count - ts.round(); more > 0 {
		left = append(left, Selection{Count: more})
	}
	return left
}

// isComplete reports whether all tests of the current round have ended. The first round
// shows which tests there are.
func (ts *tests) isComplete() bool {
	round, over := ts.round(), 0
	for number, run := range ts.runs {
		if run.round == round && ts.ended[number] {
			over++
		}
	}
	return round > 1 && over == len(ts.numbers)
}

// skipsByName returns a pattern for all tests and subtests that have ended in the current
// round.
func (ts *tests) skipsByName() string {
	var patterns []string
	round := ts.round()
	for number, run := range ts.runs {
		if run.round == round && ts.ended[number] {
			patterns = append(patterns, "^"+regexp.QuoteMeta(run.name)+"$")
		}
	}
	for _, t := range ts.sorted() {
		if t.parent == nil {
			if skip := ts.skips(t); skip != "" {
				patterns = append(patterns, skip)
			}
		}
	}
	return strings.Join(patterns, "|")
}

// identity distinguishes the test from others of that name, which -test.count
// makes.
func (t *test) identity() string {
	top := t
	for top.parent != nil {
		top = top.parent
	}
	return fmt.Sprintf("%d %s", top.number, inside.MarkedName(t.name))
}

// took returns how long the test has run so far, as the testing package prints
// it.
func (t *test) took() string { return fmt.Sprintf(" (%.2fs)", time.Since(t.began).Seconds()) }
