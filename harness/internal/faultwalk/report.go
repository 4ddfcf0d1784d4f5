// Package faultwalk is the guest's side of guest.FaultWalk: it gives commands to the
// module of package modfail, and reads its reports. It is linked into test binaries, so it
// imports little.
package faultwalk

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Call is a call of a module that can be made to fail.
type Call struct {
	Function string     // of the kernel
	Place    string     // FILE:LINE, or a function of the module
	Error    unix.Errno // what its failure means
}

// Name returns the call as a part of the name of a test, without slashes and spaces.
func (c Call) Name() string {
	return strings.NewReplacer("/", "_", " ", "_").Replace(c.Function + "_" + c.Place)
}

// Report is what the modules have done in a step.
type Report struct {
	Calls  []Call   // by the thread of the step
	Failed int      // the number of the call that failed, from 1, or 0
	Bad    []string // errors
	Held   []string // what the modules held at the last check, one text for each
	Left   []string // what a module still held after it was unloaded
	Full   bool     // there was more than the module could note
}

// The beginnings of the lines of a report, as in the runtime's main.c.
const (
	callLine   = "call"
	failedLine = "failed"
	badLine    = "bad"
	checkLine  = "check"
	heldLine   = "held"
	leftLine   = "left"
	fullLine   = "full"
)

// parse adds lines to a report.
func (r *Report) parse(text string) error {
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		verb, rest, _ := strings.Cut(line, " ")
		switch verb {
		case callLine:
			var c Call
			var number int
			if n, err := fmt.Sscanf(rest, "%s %d %s", &c.Function, &number, &c.Place); n != 3 {
				return fmt.Errorf("the line %q is not valid: %w", line, err)
			}
			c.Error = unix.Errno(number)
			r.Calls = append(r.Calls, c)
		case failedLine:
			var err error
			if r.Failed, err = strconv.Atoi(rest); err != nil || r.Failed < 1 {
				return fmt.Errorf("the line %q is not valid", line)
			}
		case badLine:
			r.Bad = append(r.Bad, rest)
		case checkLine:
			r.Held = nil
		case heldLine:
			r.Held = append(r.Held, rest)
		case leftLine:
			r.Left = append(r.Left, rest)
		case fullLine:
			r.Full = true
		default:
			return fmt.Errorf("the line %q is not valid", line)
		}
	}
	return nil
}

// FailedCall returns the call that failed, or false.
func (r *Report) FailedCall() (Call, bool) {
	if r.Failed == 0 || r.Failed > len(r.Calls) {
		return Call{}, false
	}
	return r.Calls[r.Failed-1], true
}

// Errors returns what a step has done wrong, compared with the step in which no call
// failed, sorted: modules must not hold more than there.
func (r *Report) Errors(usual *Report) []string {
	errs := slices.Clone(r.Bad)
	for what, n := range more(r.Held, usual.Held) {
		errs = append(errs, what+" is still held"+times(n))
	}
	for what, n := range more(r.Left, usual.Left) {
		errs = append(errs, what+" was still held when the module was unloaded"+times(n))
	}
	slices.Sort(errs)
	return errs
}

func times(n int) string {
	if n == 1 {
		return ""
	}
	return fmt.Sprintf(", %d times", n)
}

// more returns what there is more of than usual, and how much more.
func more(list, usual []string) map[string]int {
	counts := map[string]int{}
	for _, what := range list {
		counts[what]++
	}
	for _, what := range usual {
		counts[what]--
	}
	for what, n := range counts {
		if n <= 0 {
			delete(counts, what)
		}
	}
	return counts
}
