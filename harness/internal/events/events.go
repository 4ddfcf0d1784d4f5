// Package events makes the testing package of a test binary in a guest report when
// each test starts, pauses, continues and ends: to the host on standard output, and in
// the kernel log, which has a mark before the first instruction of each test and after
// its last one.
//
// Standard output then has these lines, each after a Marker. All other bytes are the
// tests' own output:
//
//	=== RUN   NAME          and all other lines that the testing package prints for test2json
//	    file.go:1: text     the log of a test
//	>>> NUMBER NAME         the top-level test that has just started has this number, from 0
//	>>> - NAME              the test is not selected and does not run
//	<<< NUMBER              the next line is a test's end; its mark in the kernel log has this number
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

	"github.com/kmodtest/kmodtest/harness/internal/inside"
)

// Marker is the byte, SYN, in front of each line of standard output that this package
// writes. A program that does not link package testing uses inside.EventMarker.
const Marker = inside.EventMarker

// Tell makes the tests of m report their events, with these marks in the kernel log.
// It must be called in a guest, once, before m.Run. turns selects the top-level tests to
// run, by their numbers in the order in which they start: "but 0,1,2" runs all others,
// "only 3" runs only these and no fuzz targets, examples or benchmarks, and "" runs all.
// Tell returns an error if turns is not valid, or if it does not know the testing
// package of this version of Go; then the tests run without events.
// The events go to channel, or to standard output if channel is nil.
func Tell(m *testing.M, marks *inside.Marker, channel *Channel, turns string) error {
	r := &reporter{out: os.Stdout, channel: channel, marks: marks}
	var err error
	if r.layout, err = findLayout(); err != nil {
		return err
	}
	r.printer = r.layout.newPrinter()
	r.layout.turn(r.printer, r)
	all, err := findLists(m)
	if err != nil {
		return err
	}
	if r.turns, err = parseTurns(turns); err != nil {
		return err
	}
	if r.turns.only {
		*all.fuzz, *all.examples, *all.benchmarks = nil, nil, nil
	}
	r.wrap(all)
	return nil
}

// reporter reports the events of all tests of this process. The printers of the
// testing package write to it.
type reporter struct {
	layout  layout
	out     *os.File
	channel *Channel // nil on a host
	marks   *inside.Marker
	turns   turns
	// printer is the printer of the tests that have none, as without -test.v. They
	// share it, because it prints the name of a test that logs after another one.
	printer unsafe.Pointer

	mu     sync.Mutex
	starts int         // number of top-level tests that have started
	hushed string      // test that is not selected, whose events are not printed
	muted  atomic.Bool // reports that the last event was not printed
}

// wrap makes all tests, examples, benchmarks and fuzz targets begin and end with a mark.
func (r *reporter) wrap(all lists) {
	for i, t := range *all.tests {
		(*all.tests)[i].F = func(tt *testing.T) {
			if r.begin(r.layout.test(tt), t.Name) {
				t.F(tt)
			}
		}
	}
	for i, e := range *all.examples {
		(*all.examples)[i].F = func() { defer r.during(e.Name)(); e.F() }
	}
	for i, b := range *all.benchmarks {
		(*all.benchmarks)[i].F = func(bb *testing.B) {
			bb.StopTimer()
			end := r.during(b.Name)
			defer func() { bb.StopTimer(); end() }()
			bb.StartTimer()
			b.F(bb)
		}
	}
	for i, f := range *all.fuzz {
		(*all.fuzz)[i].Fn = func(ff *testing.F) {
			r.mark(r.attach(r.layout.fuzz(ff), f.Name, true), inside.MarkRun, f.Name)
			f.Fn(ff)
		}
	}
}

// begin reports the start of a top-level test, and returns whether it is selected.
func (r *reporter) begin(t test, name string) bool {
	r.mu.Lock()
	number := r.starts
	r.starts++
	mine := r.turns.has(number)
	r.hushed = ""
	if !mine && *r.layout.printerOf(t) != nil {
		r.hushed = name
	}
	r.mu.Unlock()
	unsaid := r.attach(t, name, mine)
	if !mine {
		r.say(">>> - " + name + "\n")
		return false
	}
	r.mark(unsaid+">>> "+strconv.Itoa(number)+" "+name+"\n", inside.MarkRun, name, strconv.Itoa(number))
	return true
}

// attach makes a top-level test print to this reporter. If the test has no printer and
// is selected, it gets the reporter's; attach then returns the line that this printer
// has not printed. A printer that all tests share is redirected once, before a second
// test can use it.
func (r *reporter) attach(t test, name string, selected bool) (unsaid string) {
	place := r.layout.printerOf(t)
	switch {
	case *place == nil && !selected:
	case *place == nil:
		*place = r.printer
		return "=== RUN   " + name + "\n"
	case !r.layout.turned(*place, r):
		r.layout.turn(*place, r)
	}
	return ""
}

// during marks the start of an example or a benchmark, and returns a function that marks
// its end.
func (r *reporter) during(name string) func() {
	r.mark("", inside.MarkRun, name)
	return func() { r.mark("", inside.MarkEnd, name, "-", "-") }
}

// mark prints the lines of an event and marks it in the kernel log. Before a test starts or continues,
// all earlier output has reached the host, so it is not lost if the test breaks the machine. If the mark
// cannot be written, a fault is not attributed to a test, but it still fails the run.
func (r *reporter) mark(text, verb, name string, words ...string) {
	said := false
	_, err := r.marks.Count(func(number uint64, line string) bool {
		said = true
		if verb == inside.MarkEnd && text != "" {
			text = "<<< " + strconv.FormatUint(number, 10) + "\n" + text
		}
		told := r.send(text, line)
		if verb == inside.MarkRun || verb == inside.MarkCont {
			r.channel.wait(r.out)
		}
		return told
	}, verb, name, words...)
	if err != nil {
		fmt.Fprintln(os.Stderr, "kmodtest: mark tests in the kernel log:", err)
	}
	if !said {
		r.say(text)
	}
}

// turns selects the top-level tests that run.
type turns struct {
	only    bool // the listed tests run; otherwise all others
	numbers map[int]bool
}

// parseTurns parses a value of inside.TurnsVariable.
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

// has reports whether the test with this number runs.
func (t turns) has(number int) bool { return t.numbers[number] == t.only }
