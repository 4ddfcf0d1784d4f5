package timeline

import (
	"slices"
	"strings"

	"github.com/kmodtest/kmodtest/harness/internal/inside"
)

// Limits of what a guest may mark. Faults are attributed to no test that exceeds
// them.
const (
	maxSpans   = 1 << 17 // kept
	maxRunning = 1 << 14 // tests at the same time
	maxWorkers = 256     // of a fuzz target
	maxEnded   = 1 << 16 // tests whose end the test binary has not reported
)

// testRuns records which tests ran at which records of the log.
type testRuns struct {
	number  uint64 // of the last mark
	running []*TestRun
	failed  string              // the first test that ended with FAIL; "" if there is none
	ended   map[uint64]*TestRun // by the number of the mark
	spans   []span
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
	run := t.find(name)
	if run == nil && m.Number == 0 { // a part of a benchmark, which has no marks
		run = t.around(name)
	}
	switch {
	case m.Verb == inside.MarkDump: // belongs to no test
	case m.Verb == inside.MarkRun:
		if len(t.running) >= maxRunning {
			return
		}
		t.running = append(t.running, &TestRun{Name: name, parent: t.around(name)})
	case run == nil:
		return // its beginning was lost
	case m.Verb == inside.MarkPause, m.Verb == inside.MarkCont:
		run.Paused = m.Verb == inside.MarkPause
	case m.Verb == inside.MarkEnd && len(m.Words) == 3:
		run.Result, run.Took = m.Words[1], m.Words[2]
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
		run.expect(m, at)
	}
	if len(t.spans) == maxSpans {
		t.spans = slices.Clone(t.spans[maxSpans/2:])
	}
	t.spans = append(t.spans, span{at, t.Active()})
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
	waits := map[*TestRun]bool{}
	for _, run := range t.running {
		if !run.Paused {
			waits[run.parent] = true
		}
	}
	var active []*TestRun
	for _, run := range t.running {
		if !run.Paused && !waits[run] {
			active = append(active, run)
		}
	}
	return active
}

// Ended returns the tests that have ended and are not forgotten, by the number of
// the mark of their end.
func (t *testRuns) Ended() map[uint64]*TestRun { return t.ended }

// Failed returns the first test that ended with FAIL, or "" if there is none.
func (t *testRuns) Failed() string { return t.failed }

// Forget forgets the test that ended with that mark. Its faults stay.
func (t *testRuns) Forget(mark uint64) { delete(t.ended, mark) }
