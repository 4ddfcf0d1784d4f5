package klog

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kmodtest/kmodtest/harness/internal/klog/dump"
	"github.com/kmodtest/kmodtest/harness/internal/klog/trace"
	"github.com/kmodtest/kmodtest/harness/internal/printable"
)

const (
	cutHere    = "------------[ cut here ]------------"
	endOfTrace = "---[ end trace"
	endOfPanic = "---[ end Kernel panic"
)

const (
	headLines  = 1500 // first lines of a report that are kept
	tailLines  = 400  // last lines of a longer report that are kept
	firstBytes = 192 << 10
	tailBytes  = 56 << 10
	readLines  = 600 // lines that determine kind, title and frames

	oomLines   = 600      // lines of an oom-kill do not look like those of a dump
	looseBytes = 64 << 10 // of foreign lines
	gapLines   = 25       // foreign lines inside a report that has an end mark
	shortGap   = 3        // foreign lines inside a report without an end mark, after its trace has begun
)

// report is a fault whose lines are still being collected.
type report struct {
	reading
	lasts  []*stream // streams that closed it
	total  int       // lines that certainly belong to the report
	bytes  int       // of reading.lines
	last   []line    // the last of the lines for which reading.lines has no room
	late   int       // bytes of last
	budget *budget   // of the log
	loose  []line    // lines after them, which may be foreign
	unsure int       // bytes of loose
	ending ending
	traced bool // the trace has begun
	framed bool // it has a frame
	closed bool // it takes no more lines
	ended  bool // its end mark has been seen
	opened int  // streams that print to it
	made   Fault
	madeOf int // total when made was set
}

func newReport(h *head, l line, before []line, b *budget) *report {
	r := &report{ending: h.ends, budget: b, reading: reading{head: h, line: l.text, at: len(before)}}
	for _, b := range before {
		r.keep(b)
		if b.text == cutHere && h.kind == UBSAN {
			r.ending = traced
		}
		if b.text != cutHere && !dump.IsRule(b.text) && b.text != "" && (isSlabLead(b.text) || !dump.IsLine(b.text)) {
			r.notes = append(r.notes, b.text)
		}
	}
	r.keep(l)
	r.closed = r.ending == oneLine
	return r
}

// joins reports whether a line that could begin a report continues this one. A
// nil head is that of a cut-here line.
func (r *report) joins(h *head, text string) bool {
	switch {
	case r.ending == halted:
		return !strings.HasPrefix(text, "Linux version ")
	case h == nil:
		return r.ending == untraced && r.total < 8 || r.head.message && r.total == r.at+1 && len(r.loose) == 0
	case h.kind == Panic:
		return true
	case r.ended || r.closed:
		return false
	case h.repeats && r.head == h && len(r.loose) == 0:
		return true
	case r.ending == oomKill:
		return h.kind == OutOfMemory && h.ends == oneLine
	case r.head.kind == KASAN && h.within != "" && strings.Contains(text, h.within):
		return true
	case r.head.kind == h.kind && h.ends == ruled && r.total == r.at+1: // an inlined function, decoded
		return true
	case r.head.kind == Warning && h.message && (r.total == r.at+1 || r.total == r.at+2 && strings.HasPrefix(r.lines[r.at+1].text, "Hardware name: ")):
		return true
	case r.ending == untraced && r.total < 10:
		return h.message && r.lines[len(r.lines)-1].text == cutHere || h.ends == traced && (h.kind == Bug || h.kind == Warning || strings.Contains(text, "[#"))
	case r.head.kind == h.kind && (h.kind == RCUStall || h.kind == HardLockup):
		return !r.traced && (strings.HasPrefix(text, "rcu: ") || strings.HasPrefix(text, "watchdog: "))
	}
	// An oops names its exception after its cause.
	return r.ending == traced && !r.traced && h.ends == traced && strings.Contains(text, "[#")
}

// absorb takes a line for which joins returned true.
func (r *report) absorb(h *head, l line) {
	r.keep(l)
	if h != nil && h.follows(r) {
		r.ending, r.ended, r.closed = h.ends, false, false
		return
	}
	switch {
	case h == nil && r.head.message:
		r.ending = untraced // the head was the message of a warning that begins here
	case h != nil && r.ending == untraced && !h.message:
		r.ending = traced
	}
	r.closed = r.ending == oomKill
}

// keep adds a line, and the loose ones before it.
func (r *report) keep(l line) {
	for _, l := range append(r.loose, l) {
		l.raw = printable.Line(l.raw)
		r.total++
		small := r.budget.used > maxText
		if len(r.last) == 0 && len(r.lines) < headLines && r.bytes < firstBytes && (!small || len(r.lines) <= tailLines/8) {
			r.lines = append(r.lines, l)
			r.bytes += len(l.raw) + 1
			r.budget.used += l.size()
			continue
		}
		r.last = append(r.last, l)
		r.late += l.size()
		r.budget.used += l.size()
		for len(r.last) > 2*tailLines || r.late > 2*tailBytes || small && len(r.last) > 1 {
			r.drop(1 + len(r.last)/2)
		}
	}
	r.loose, r.unsure = r.loose[:0], 0
}

// doubt keeps a line that may be foreign.
func (r *report) doubt(l line) {
	r.loose = append(r.loose, l)
	r.unsure += l.size()
}

// drop forgets the first n of the latest lines.
func (r *report) drop(n int) {
	for _, l := range r.last[:n] {
		r.late -= l.size()
		r.budget.used -= l.size()
	}
	r.last = append(r.last[:0], r.last[n:]...)
	clear(r.last[len(r.last):cap(r.last)])
}

// offer gives the report the next line of its stream. If the report has ended,
// offer closes it and does not take the line.
func (r *report) offer(l line) (taken bool) {
	text := l.text
	r.look(text)
	switch {
	case r.ending == halted:
		r.keep(l)
		r.ended = r.ended || strings.HasPrefix(text, endOfPanic)
		return true
	case r.ended:
		if dump.IsLine(text) && !r.refuses(text) {
			r.keep(l)
			return true
		}
		r.closed = true
		return false
	case strings.HasPrefix(text, endOfTrace):
		r.keep(l)
		r.ended = true
		return true
	case r.ending == ruled && dump.IsRule(text):
		r.keep(l)
		r.closed = r.framed || r.total > 1+r.at+gapLines
		return true
	case r.ending == oomKill:
		return r.offerOOM(l)
	case r.ending == tracked && !isHolder(text, r.total > 1):
		r.closed = true
		return false
	case r.ending == tracked:
		r.keep(l)
		return true
	}
	return r.offerDump(l)
}

// isHolder recognizes the places that still hold a reference, which kernels with
// ref_tracker print. Their stacks are indented, and begin after another such line.
func isHolder(text string, begun bool) bool {
	return strings.HasPrefix(text, "ref_tracker: ") || text == "leaked reference." || begun && strings.HasPrefix(text, " ")
}

// refuses recognizes lines that look like those of a dump but begin another one.
func (r *report) refuses(text string) bool {
	return text == "" || strings.HasPrefix(text, "rcu: ") || strings.HasPrefix(text, "INFO: task")
}

func (r *report) look(text string) {
	switch {
	case strings.HasPrefix(text, "Call Trace:"), strings.HasPrefix(text, "Call trace:"), strings.HasPrefix(text, "Backtrace:"), strings.Contains(text, "backtrace:"),
		strings.HasPrefix(text, "RIP: 0010:"), strings.HasPrefix(text, "epc : "): // riscv has no other line
		r.traced = true
	}
	if r.ending == ruled && !r.framed {
		r.framed = trace.Frames(text) != nil
	}
}

func (r *report) offerOOM(l line) bool {
	if len(r.loose) > oomLines || r.unsure > looseBytes {
		r.closed = true
		return false
	}
	if dump.IsLine(l.text) {
		r.keep(l)
	} else {
		r.doubt(l)
	}
	return true
}

// offerDump takes lines that look like those of a dump, and others only if such
// lines follow soon: something else may be printed in between.
func (r *report) offerDump(l line) bool {
	gap := gapLines
	if r.ending == dumped && r.traced {
		gap = shortGap
	}
	body := dump.IsLine(l.text)
	if r.head.body != nil && !r.traced {
		body = body || r.head.body(l.text)
	}
	if body && l.text != "" {
		r.keep(l)
		return true
	}
	if len(r.loose) >= gap || r.unsure > looseBytes {
		r.closed = true
		return false
	}
	r.doubt(l)
	return true
}

// fault returns what the report says so far, without the lines at its end that
// may be foreign.
func (r *report) fault() Fault {
	if r.madeOf == r.total {
		return r.made
	}
	if r.madeOf < readLines && r.madeOf < len(r.lines) || r.madeOf == 0 {
		first := r.reading
		first.lines = first.lines[:min(readLines, len(first.lines))]
		r.made = first.fault()
		r.made.At = r.lines[0].at
	}
	r.made.Report, r.madeOf = r.text(), r.total
	return r.made
}

// release forgets the lines of a report that is read for the last time.
func (r *report) release() {
	r.budget.used -= r.late // what is printed of them is in made
	r.lines, r.last, r.loose, r.notes, r.lasts, r.late = nil, nil, nil, nil, nil, 0
}

// text returns the lines of the report, without those in the middle of a long
// one.
func (r *report) text() []string {
	text := make([]string, 0, len(r.lines)+1)
	for _, l := range r.lines {
		text = append(text, l.raw)
	}
	last, bytes := r.last[max(0, len(r.last)-tailLines):], 0
	for i, l := range slices.Backward(last) {
		if bytes += len(l.raw) + 1; bytes > tailBytes {
			last = last[i+1:]
			break
		}
	}
	if left := r.total - len(r.lines) - len(last); left > 0 {
		text = append(text, fmt.Sprintf("... (%d lines of the report are left out here)", left))
	}
	for _, l := range last {
		text = append(text, l.raw)
	}
	return text
}
