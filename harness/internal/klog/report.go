package klog

import (
	"strings"
)

const (
	reportLines = 1000 // the most that a report may have
	oomLines    = 600  // no line of an oom-kill looks like another
	gapLines    = 25   // foreign lines inside a report that has an end mark
	shortGap    = 3    // foreign lines inside one that has none, once its calls have come
)

// report is a fault whose lines are still being collected.
type report struct {
	head   *head
	headAt int    // of lines
	title  string // the head's line
	notes  []string
	lines  []line
	solid  int  // of these lines, how many are surely of the report
	traced bool // calls have been seen
	backed bool // lockdep has come to its backtrace
	ending ending
	closed bool
	tail   bool // the end mark has been seen
	made   Fault
}

func newReport(h *head, l line, before []line) *report {
	r := &report{head: h, headAt: len(before), title: l.text, ending: h.ends}
	r.lines = append(append(r.lines, before...), l)
	for _, b := range before {
		if b.text == cutHere && h.kind == UBSAN {
			r.ending = traced
		}
		if b.text != cutHere && !isRule(b.text) && b.text != "" && !isBody(b.text) {
			r.notes = append(r.notes, b.text)
		}
	}
	r.solid = len(r.lines)
	r.closed = r.ending == oneLine
	return r
}

// joins tells whether a line that would begin a report of its own continues
// this one.
func (r *report) joins(h *head, text string) bool {
	switch {
	case r.ending == halted:
		return !strings.HasPrefix(text, "Linux version ")
	case h == nil: // cut here
		return r.ending == untraced && len(r.lines) < 8
	case h.kind == Panic:
		return true
	case r.tail || r.closed:
		return false
	case r.ending == oomKill:
		return h.kind == OutOfMemory && h.ends == oneLine
	case r.head.kind == Warning && len(r.lines) == r.headAt+1:
		_, ok := kindOfNote(text)
		return ok
	case r.ending == untraced && len(r.lines) < 10:
		return h.kind == Bug && h.ends == traced
	case r.head.kind == RCUStall && h.kind == RCUStall:
		return strings.HasPrefix(text, "rcu: ") && !r.traced
	}
	// An oops names its exception after what it is about.
	return r.ending == traced && !r.traced && h.ends == traced && strings.Contains(text, "[#")
}

// absorb takes a line that joins.
func (r *report) absorb(h *head, l line) {
	r.keep(l)
	if h != nil && h.kind == Panic {
		r.ending, r.tail, r.closed = halted, false, false
		return
	}
	if r.ending == untraced && h != nil {
		r.ending = traced
	}
	r.closed = r.ending == oomKill
}

func (r *report) keep(l line) {
	r.lines = append(r.lines, l)
	r.solid = len(r.lines)
}

// offer gives the report the next line of its stream. It is not taken when the
// report has come to its end, and then the report is closed.
func (r *report) offer(l line) (taken bool) {
	text := l.text
	if len(r.lines) >= reportLines {
		r.closed = true
		return false
	}
	r.look(text)
	switch {
	case r.ending == halted:
		r.keep(l)
		r.tail = r.tail || strings.HasPrefix(text, endOfPanic)
		return true
	case r.tail:
		if isBody(text) && !r.refuses(text) {
			r.keep(l)
			return true
		}
		r.closed = true
		return false
	case strings.HasPrefix(text, endOfTrace):
		r.keep(l)
		r.tail = true
		return true
	case r.ending == ruled && isRule(text):
		r.keep(l)
		r.closed = true
		return true
	case r.ending == oomKill:
		return r.offerOOM(l)
	}
	return r.offerDump(l)
}

// refuses tells of lines that look like a dump's but begin another one.
func (r *report) refuses(text string) bool {
	return r.tail && (text == "" || strings.HasPrefix(text, "rcu: ") || strings.HasPrefix(text, "INFO: task"))
}

func (r *report) look(text string) {
	switch {
	case strings.HasPrefix(text, "Call Trace:"), strings.HasPrefix(text, "Call trace:"), strings.Contains(text, "backtrace:"):
		r.backed = true
		r.traced = true
	case strings.HasPrefix(text, "RIP: 0010:"):
		r.traced = true
	}
}

func (r *report) offerOOM(l line) bool {
	if len(r.lines)-r.solid > oomLines {
		r.closed = true
		return false
	}
	if isBody(l.text) {
		r.keep(l)
	} else {
		r.lines = append(r.lines, l)
	}
	return true
}

// offerDump takes lines that look like those of a dump, and others only if such
// follow soon: something else may be printed in between.
func (r *report) offerDump(l line) bool {
	gap := gapLines
	if r.ending == dumped && r.traced {
		gap = shortGap
	}
	body := isBody(l.text)
	if r.head.kind == Lockdep && !r.backed {
		body = isLockBody(l.text)
	}
	if body && l.text != "" {
		r.keep(l)
		return true
	}
	if len(r.lines)-r.solid >= gap {
		r.closed = true
		return false
	}
	r.lines = append(r.lines, l)
	return true
}

// fault is what the report tells so far, without the lines at its end that are
// not surely its own.
func (r *report) fault() Fault {
	if len(r.made.Report) == r.solid {
		return r.made
	}
	f := Fault{Kind: r.head.kind, At: r.lines[0].at}
	for _, l := range r.lines[:r.solid] {
		f.Report = append(f.Report, l.raw)
	}
	r.classify(&f)
	r.frames(&f)
	f.Title = r.stableTitle(&f)
	r.made = f
	return f
}
