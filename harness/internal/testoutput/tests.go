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
)

// tests records which tests have begun and ended, in all machines.
type tests struct {
	open   map[string]*test // have begun and not ended, by name
	marks  map[string]*test // the same, by the name in marks
	deep   bool             // a test is nested too deep
	ended  map[int]bool     // top-level tests, by number
	starts int              // of top-level tests in this machine
	size   int              // bytes of the names that are kept
	// names of top-level tests, by number and the reverse, if the host numbers them
	names   []string
	numbers map[string]int
}

// numberOf returns the number of a top-level test that has no number of the guest's: each
// name has one.
func (ts *tests) numberOf(name string) int {
	if i, known := ts.numbers[name]; known {
		return i
	}
	if ts.numbers == nil {
		ts.numbers = map[string]int{}
	}
	ts.numbers[name] = len(ts.names)
	ts.names = append(ts.names, name)
	ts.size += cost(name)
	return len(ts.names) - 1
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
func (ts *tests) full() bool { return ts.deep || ts.size > maxNames || len(ts.ended) > maxTests }

// cost returns how many bytes a name takes.
func cost(name string) int { return len(name) + 64 }

// test is a test that has begun.
type test struct {
	name   string
	mark   string // its name in marks
	parent *test
	depth  int       // the number of tests around it
	number int       // of a top-level test; -1 if it has none
	began  time.Time // by the host's clock
	text   Excerpt   // printed below its last line
	failed bool      // even if the guest reports a pass
	over   []string  // names of its subtests that have ended
	met    []string  // the faults that it expected and that came, in earlier machines
}

func (ts *tests) begin(name, mark string, number int) *test {
	t := &test{name: name, mark: mark, parent: ts.around(name), number: number, began: time.Now()}
	if t.parent != nil {
		t.depth = t.parent.depth + 1
		ts.deep = ts.deep || t.depth > maxDepth
	}
	ts.open[name] = t
	ts.marks[mark] = t
	ts.size += cost(name)
	return t
}

// forget removes a test, as if it had not begun.
func (ts *tests) forget(t *test) {
	if ts.open[t.name] == t {
		delete(ts.open, t.name)
		delete(ts.marks, t.mark)
		ts.size -= cost(t.name)
	}
}

func (ts *tests) end(t *test) {
	ts.forget(t)
	for _, name := range t.over {
		ts.size -= cost(name)
	}
	t.over = nil
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

// next returns the number of a top-level test whose start was lost with the
// machine.
func (ts *tests) next() int {
	for ts.ended[ts.starts] { // in an earlier machine, so it was skipped
		ts.starts++
	}
	ts.starts++
	return ts.starts - 1
}

// Selection is the tests that one machine runs.
type Selection struct {
	Turns string // top-level tests, as inside.TurnsVariable holds them; "" for all
	Skip  string // a pattern of tests to skip, in addition to the user's; "" for none
}

// Remaining returns the tests that are left for other machines: the rest of each
// test that has subtests which have ended, then all that have not begun.
func (r *Reporter) Remaining() []Selection {
	if r.Foreign {
		return []Selection{{Skip: r.tests.skipsByName()}}
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

// skipsByName returns a pattern for all tests and subtests that have ended.
func (ts *tests) skipsByName() string {
	var patterns []string
	for number, name := range ts.names {
		if ts.ended[number] {
			patterns = append(patterns, "^"+regexp.QuoteMeta(name)+"$")
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
