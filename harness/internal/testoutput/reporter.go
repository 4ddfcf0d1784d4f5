// Package testoutput turns the output of a test binary into the output that the
// testing package would have printed, and adds the faults in the kernel log: a test
// during which the kernel reported a fault fails.
package testoutput

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/kmodtest/kmodtest/harness/internal/inside"
	"github.com/kmodtest/kmodtest/harness/internal/timeline"
)

// Reporter prints the output of one test binary, which runs in one machine and,
// if that dies in the middle of the tests, in further ones.
//
// The end of a test is printed when the kernel log has been read up to there.
type Reporter struct {
	Options
	// Failed is set when a test has failed, by its own result or because of the
	// kernel.
	Failed bool
	// Image is the path of an image of the machine's memory after the next fault that is
	// printed; "" for none.
	Image    string
	out      printer
	tests    tests
	stream   itemizer           // its items wait for the kernel log
	mark     uint64             // of the next end of a test
	begins   beginnings         // of tests
	again    bool               // this is not the first machine
	timeline *timeline.Timeline // of the current machine
	past     map[string]bool    // tests that ran when a machine died, by identity
	faulty   bool               // because of the kernel
}

// Options are the flags of the test binary that matter to a Reporter.
type Options struct {
	Verbose  string           // value of -test.v: false, true or test2json
	FailFast bool             // print nothing after the first test that fails because of the kernel
	Places   *timeline.Places // finds files and lines of faults; may be nil
	Count    int              // value of -test.count
	Foreign  bool             // PID 1 adds the lines of package events: the binary has -test.v=test2json, and logs without markers
}

// NewReporter returns a Reporter that prints to w.
func NewReporter(w io.Writer, o Options) *Reporter {
	r := &Reporter{
		Options: o,
		out:     printer{w: w, style: styleOf(o.Verbose)},
		tests:   tests{foreign: o.Foreign, open: map[string]*test{}, marks: map[string]*test{}, ended: map[int]bool{}},
		past:    map[string]bool{},
	}
	r.begins = beginnings{out: &r.out, tests: &r.tests}
	r.stream.verbose = r.out.style == styleVerbose && !o.Foreign
	r.stream.foreign = o.Foreign
	return r
}

// Running returns the tests that have begun and not ended, as far as the test
// binary has reported them.
func (r *Reporter) Running() []string {
	var names []string
	for _, t := range r.tests.sorted() {
		if isTest(t.name) { // benchmarks have no end
			names = append(names, t.name)
		}
	}
	return names
}

// Stopped reports whether Options.FailFast ends the tests here: a test has failed
// because of the kernel, and the test binary does not know that.
func (r *Reporter) Stopped() bool { return r.FailFast && r.faulty }

// Follow continues with the timeline of another machine.
func (r *Reporter) Follow(t *timeline.Timeline) {
	r.again = r.timeline != nil
	r.timeline, r.mark, r.begins.lead = t, 0, lead{}
}

// Write takes what the test binary prints to its standard output.
func (r *Reporter) Write(p []byte) (int, error) {
	r.stream.write(p)
	waits := r.stream.size <= maxWaiting
	err := r.advance(!waits)
	if err == nil && !waits {
		err = r.out.print(fmt.Sprintf("kmodtest: more than %d MiB of output waited for the kernel log; a fault may be printed after the test that it belongs to\n", maxWaiting>>20))
	}
	if err == nil && r.tests.full() {
		err = ErrTooMany
	}
	return len(p), err
}

// maxWaiting is how many bytes of output may wait for the kernel log.
const maxWaiting = 16 << 20

// Advance prints what waits for the kernel log, as far as that has been read.
func (r *Reporter) Advance() error { return r.advance(false) }

// Flush prints everything that the machine has sent. It sends no more.
func (r *Reporter) Flush() error {
	r.stream.end()
	err := r.advance(true)
	if lead := r.begins.lead; err == nil && (lead.unsure || isTest(lead.name)) {
		err = r.begins.resolve()
	}
	r.out.name = ""
	return err
}

func (r *Reporter) advance(all bool) error {
	for len(r.stream.items) > 0 {
		i := r.stream.items[0]
		if r.Stopped() && len(r.tests.open) == 0 {
			r.stream.items, r.stream.size = nil, 0
			break
		}
		if i.what == "<<<" {
			r.mark, _ = strconv.ParseUint(i.text, 10, 64) // written by package events
			if !all && !r.timeline.Complete(r.mark) {
				return nil
			}
		}
		r.stream.take()
		if err := r.take(i); err != nil {
			return err
		}
	}
	return nil
}

func (r *Reporter) take(i item) error {
	if i.what != ">>>" {
		if err := r.begins.resolve(); err != nil {
			return err
		}
	}
	switch i.what {
	case "":
		if r.again && strings.HasPrefix(i.text, "-test.shuffle ") {
			return nil
		}
		return r.out.print(i.text)
	case "log":
		return r.out.log(r.tests.open[r.out.name], r.out.name, i.text+"\n")
	case "<<<":
		return nil
	case "line":
		return r.out.line(i.text)
	case ">>>", maybeRun, "=== RUN":
		return r.begins.take(i)
	case "--- PASS", "--- FAIL", "--- SKIP":
		return r.end(i)
	}
	return r.out.update(i)
}

// end prints how a test has ended. The kernel log may turn a pass into a failure: by its
// faults, or by the test's mark. If the log has no such mark, the test was not there or its
// mark was lost: a further machine runs it.
func (r *Reporter) end(i item) error {
	name, took := i.text, ""
	if at := strings.LastIndex(name, " ("); at >= 0 {
		name, took = name[:at], name[at:]
	}
	t := r.tests.open[name]
	if t == nil { // its beginning was lost
		t = &test{name: name, parent: r.tests.around(name), number: -1}
	}
	run := r.timeline.Ended()[r.mark]
	confirmed := run != nil && run.Name == inside.MarkedName(name)
	if confirmed {
		r.timeline.Forget(r.mark)
		r.tests.confirm(t, run)
		if run.Result == "FAIL" && i.what != "--- FAIL" {
			t.failed = true
			if err := r.out.add(t, "the output reports another result than the test's mark in the kernel log: the test has failed\n"); err != nil {
				return err
			}
		}
		if err := r.addFaults(t, run); err != nil {
			return err
		}
	}
	r.mark, r.out.name = 0, name
	return r.conclude(t, i.what, took, confirmed)
}

// conclude prints the last line of a test. confirmed reports whether the marks have its
// end too, or it ended with its machine.
func (r *Reporter) conclude(t *test, result, took string, confirmed bool) error {
	r.tests.end(t, confirmed)
	if t.failed {
		result = "--- FAIL"
	}
	if result == "--- FAIL" {
		r.Failed = true
		for p := t.parent; p != nil; p = p.parent {
			p.failed = true
		}
	}
	return r.out.result(t, result, took)
}

// CutShort ends the parents of failed tests if no further machine runs.
func (r *Reporter) CutShort() error {
	for _, t := range slices.Backward(r.tests.sorted()) { // subtests first
		if !t.failed {
			continue
		}
		if err := r.conclude(t, "--- FAIL", t.took(), true); err != nil {
			return err
		}
	}
	return nil
}

func isTest(name string) bool { return strings.HasPrefix(name, "Test") }
