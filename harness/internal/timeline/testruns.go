package timeline

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/kmodtest/kmodtest/harness/internal/inside"
)

// Limits of what a guest may mark. Faults are attributed to no test that exceeds
// them.
const (
	maxSpans   = 1 << 17 // kept
	maxActive  = 1 << 20 // active tests of all spans
	maxRunning = 1 << 14 // tests at the same time; more end the conversation
	maxWorkers = 256     // of a fuzz target
	maxEnded   = 1 << 16 // tests whose end the test binary has not reported
	maxName    = 256     // bytes of a name; inside.MarkedName returns shorter ones
)

// ErrTooMany is the error of a guest that marks more tests as running than the
// host follows.
var ErrTooMany = fmt.Errorf("the guest marks more than %d tests as running at the same time", maxRunning)

// testRuns records which tests ran at which records of the log.
type testRuns struct {
	number  uint64 // of the last mark
	running []*TestRun
	failed  string              // the first test that ended with FAIL; "" if no test has
	ended   map[uint64]*TestRun // by the number of the mark
	spans   []span
	actives int    // tests in spans
	round   uint64 // of Active
	tooMany bool   // tests are running that are not in running

	patterns patterns
}

// span is a part of the log, from a record up to the next span, during which the
// same tests were active.
type span struct {
	from   int
	active []*TestRun
}

// follow acts on a mark. at is the number of records before it.
func (t *testRuns) follow(m inside.Mark, at int) {
	t.number = max(t.number, m.Number)
	name := m.Words[0]
	if len(name) > maxName {
		return // not a mark that the guest's harness wrote
	}
	run := t.find(name)
	if run == nil && m.Number == 0 { // a part of a benchmark, which has no marks
		run = t.around(name)
	}
	switch {
	case m.Verb == inside.MarkDump: // belongs to no test
	case m.Verb == inside.MarkRun:
		if len(t.running) >= maxRunning {
			t.tooMany = true
			return
		}
		t.running = append(t.running, &TestRun{Name: strings.Clone(name), Turn: turn(m), parent: t.around(name)}) // the mark is long
	case run == nil: // its beginning was lost
		if m.Verb == inside.MarkEnd && len(m.Words) == 3 && m.Words[1] == "FAIL" {
			t.failed = cmp.Or(t.failed, strings.Clone(name))
		}
		return
	case m.Verb == inside.MarkPause, m.Verb == inside.MarkCont:
		run.Paused = m.Verb == inside.MarkPause
	case m.Verb == inside.MarkEnd && len(m.Words) == 3 && isResult(m.Words[1]) && isTime(m.Words[2]):
		run.Result, run.Took = strings.Clone(m.Words[1]), strings.Clone(m.Words[2])
		if run.Result == "FAIL" && t.failed == "" {
			t.failed = run.Name
		}
		if len(t.ended) < maxEnded {
			t.ended[m.Number] = run
		}
		t.running = slices.DeleteFunc(t.running, func(other *TestRun) bool { return other == run })
	case m.Verb == inside.MarkInput:
		if pages, err := inside.ParseInputPlace(m.Words[len(m.Words)-1]); err == nil && len(run.Inputs) < maxWorkers {
			run.Inputs = append(run.Inputs, pages)
		}
	case m.Verb == inside.MarkAllow, m.Verb == inside.MarkExpect:
		run.expect(m, at, &t.patterns)
	}
	t.addSpan(at)
}

// turn returns the number of a top-level test that the mark of its beginning has, or -1.
func turn(m inside.Mark) int {
	if len(m.Words) == 2 {
		if number, err := strconv.Atoi(m.Words[1]); err == nil && number >= 0 {
			return number
		}
	}
	return -1
}

// isResult reports whether a word is the result of a test, or "-" for no result.
func isResult(word string) bool {
	return word == "PASS" || word == "FAIL" || word == "SKIP" || word == "-"
}

// isTime reports whether a word is a time as the testing package prints it, or "-".
func isTime(word string) bool {
	return word == "-" || len(word) <= 20 && strings.Trim(word, "0123456789.") == "s"
}

// addSpan begins a span, unless the same tests are active as in the last one.
func (t *testRuns) addSpan(at int) {
	active := t.Active()
	if n := len(t.spans); n > 0 && slices.Equal(t.spans[n-1].active, active) {
		return
	}
	for len(t.spans) > 0 && (len(t.spans) == maxSpans || t.actives+len(active) > maxActive) {
		gone := (len(t.spans) + 1) / 2
		for _, s := range t.spans[:gone] {
			t.actives -= len(s.active)
		}
		t.spans = slices.Clone(t.spans[gone:])
	}
	t.spans = append(t.spans, span{at, active})
	t.actives += len(active)
}

// Err returns an error if the guest exceeds a limit after which the tests that run
// are not known.
func (t *testRuns) Err() error {
	if t.tooMany {
		return ErrTooMany
	}
	return nil
}

// find returns the running test of that name, the last one if there are several.
func (t *testRuns) find(name string) *TestRun {
	for _, run := range slices.Backward(t.running) {
		if run.Name == name {
			return run
		}
	}
	return nil
}

// around returns the running parent test of a test with that name.
func (t *testRuns) around(name string) *TestRun {
	for {
		i := strings.LastIndexByte(name, '/')
		if i < 0 {
			return nil
		}
		name = name[:i]
		if run := t.find(name); run != nil {
			return run
		}
	}
}

// Running returns the tests that have begun and not ended, in the order of their
// beginnings.
func (t *testRuns) Running() []*TestRun { return t.running }

// Active returns the running tests that wait neither for their turn nor for a
// subtest.
func (t *testRuns) Active() []*TestRun {
	t.round++
	for _, run := range t.running {
		if !run.Paused && run.parent != nil {
			run.parent.waits = t.round
		}
	}
	var active []*TestRun
	for _, run := range t.running {
		if !run.Paused && run.waits != t.round {
			active = append(active, run)
		}
	}
	return active
}

// Ended returns the tests that have ended and are not forgotten, by the number of
// the mark of their end.
func (t *testRuns) Ended() map[uint64]*TestRun { return t.ended }

// Failed returns the first test that ended with FAIL, or "" if no test has.
func (t *testRuns) Failed() string { return t.failed }

// Forget forgets the test that ended with that mark. Its faults stay.
func (t *testRuns) Forget(mark uint64) { delete(t.ended, mark) }
