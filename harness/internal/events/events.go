// Package events has the testing package of a test binary in a guest tell what
// becomes of each test, when it does: to the host on standard output, and in the
// kernel's log, where a mark stands before the first instruction of each test,
// and behind its last one.
//
// Standard output then has these lines, each behind a SYN (0x16); other bytes are
// what tests print themselves:
//
//	=== RUN   NAME          and all others that the testing package prints for test2json
//	    file.go:1: text     what a test logs
//	>>> NUMBER NAME         the top-level test that has just started is the NUMBER-th, from 0
//	>>> - NAME              it does not run, since it is not its turn
//	<<< NUMBER              behind this, the log has the mark with that number
package events

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/internal/inside"
)

// Tell has the tests of m tell, with these marks. It is to be called in a guest,
// before m.Run. turns says which top-level tests are to run, by their
// numbers in the order of their starts: "but 0,1,2", "only 3" with nothing but
// that test, or nothing for all.
func Tell(m *testing.M, marks *inside.Marker, turns string) error {
	unix.CloseOnExec(inside.TakenFile)
	s := &stage{out: os.Stdout, marks: marks}
	var err error
	if s.layout, err = findLayout(); err != nil {
		return err
	}
	s.printer = s.layout.newPrinter()
	s.layout.turn(s.printer, s)
	all, err := findLists(m)
	if err != nil {
		return err
	}
	if s.turns, err = parseTurns(turns); err != nil {
		return err
	}
	if s.turns.only {
		*all.fuzz, *all.examples, *all.benchmarks = nil, nil, nil
	}
	s.wrap(all)
	return nil
}

// stage is where the tests of a process run.
type stage struct {
	layout layout
	out    *os.File
	marks  *inside.Marker
	turns  turns
	// printer is for tests that have none, as without -test.v. They share it: it
	// says who logs when that was another test before.
	printer unsafe.Pointer

	draining sync.Mutex

	mu     sync.Mutex
	starts int         // of top-level tests
	hushed string      // the test that does not run and is to leave no trace
	muted  atomic.Bool // the last event was one that left none
}

// wrap has all tests and the like begin and end with a mark.
func (s *stage) wrap(all lists) {
	for i, t := range *all.tests {
		(*all.tests)[i].F = func(tt *testing.T) {
			if s.begin(s.layout.test(tt), t.Name) {
				t.F(tt)
			}
		}
	}
	for i, e := range *all.examples {
		(*all.examples)[i].F = func() { defer s.during(e.Name)(); e.F() }
	}
	for i, b := range *all.benchmarks {
		(*all.benchmarks)[i].F = func(bb *testing.B) {
			bb.StopTimer()
			end := s.during(b.Name)
			defer func() { bb.StopTimer(); end() }()
			bb.StartTimer()
			b.F(bb)
		}
	}
	for i, f := range *all.fuzz {
		(*all.fuzz)[i].Fn = func(ff *testing.F) {
			s.say(s.attach(s.layout.fuzz(ff), f.Name, true))
			s.start(inside.MarkRun, f.Name)
			f.Fn(ff)
		}
	}
}

// begin tells of the start of a top-level test, and whether it is its turn.
func (s *stage) begin(t test, name string) bool {
	s.mu.Lock()
	number := s.starts
	s.starts++
	mine := s.turns.has(number)
	s.hushed = ""
	if !mine && *s.layout.printerOf(t) != nil {
		s.hushed = name
	}
	s.mu.Unlock()
	unsaid := s.attach(t, name, mine)
	if !mine {
		s.say(">>> - " + name + "\n")
		return false
	}
	s.say(unsaid + ">>> " + strconv.Itoa(number) + " " + name + "\n")
	s.start(inside.MarkRun, name)
	return true
}

// attach has a top-level test print through this stage. Where it has no printer,
// it gets the stage's, if it is to tell anything, and what that has not said yet
// is returned; one that it shares with those to come is turned once, before
// there is a second test that could use it.
func (s *stage) attach(t test, name string, tells bool) (unsaid string) {
	place := s.layout.printerOf(t)
	switch {
	case *place == nil && !tells:
	case *place == nil:
		*place = s.printer
		return "=== RUN   " + name + "\n"
	case !s.layout.turned(*place, s):
		s.layout.turn(*place, s)
	}
	return ""
}

// start marks that a test begins to run, or goes on. Whatever it may do to the
// machine, what was printed before is with the host.
func (s *stage) start(verb, name string) {
	s.drain()
	s.mark(verb, name)
}

// during marks what is no test, and returns what marks its end.
func (s *stage) during(name string) func() {
	s.mark(inside.MarkRun, name)
	return func() { s.mark(inside.MarkEnd, name, "-", "-") }
}

// mark writes a mark. If it can not, a fault is blamed on nobody; but it is
// seen all the same.
func (s *stage) mark(verb, name string, words ...string) (number uint64) {
	number, err := s.marks.Count(verb, name, words...)
	if err != nil {
		fmt.Fprintln(os.Stderr, "kmodtest: mark tests in the kernel's log:", err)
		return 0
	}
	return number
}

// turns tells which top-level tests run.
type turns struct {
	only    bool // those that are listed; else all others
	numbers map[int]bool
}

func parseTurns(text string) (turns, error) {
	t := turns{numbers: map[int]bool{}}
	if text == "" {
		return t, nil
	}
	word, list, _ := strings.Cut(text, " ")
	t.only = word == "only"
	for number := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(number)
		if err != nil || !t.only && word != "but" {
			return t, fmt.Errorf("%s is %q", inside.TurnsVariable, text)
		}
		t.numbers[n] = true
	}
	return t, nil
}

func (t turns) has(number int) bool { return t.numbers[number] == t.only }
