package klog

import (
	"slices"
	"strings"
)

// Scanner finds faults in a log while it comes. Its zero value has seen an empty
// log. It may not be used by several goroutines at once.
type Scanner struct {
	added   int
	streams map[string]*stream // of each caller; that of "" where the log names none
	reports []*report          // in their order
	order   []string           // of the streams, as they came
	locked  *stream            // the one in which something last did not get on
}

// stream is what one task or processor printed; or all, where the log does not
// name them.
type stream struct {
	open    []*report // the last one is printed to
	pending []line    // what came before a head: cut here, a rule
	lockup  *report   // the open one of something that does not get on
	last    *report   // the one that was closed last
	since   int       // lines ago
}

const (
	pendingLines = 12
	panicGap     = 60 // lines between the end of a report and the panic that it causes
)

// warned is what a report has become of which only the beginning is there.
var warned = head{kind: Warning, ends: traced}

// Add takes the next record of /dev/kmsg. One that the kernel did not write
// itself is part of no fault, but counts as one that was added.
func (s *Scanner) Add(rec Record) {
	for text := range strings.SplitSeq(rec.Text, "\n") {
		text = strings.TrimSuffix(text, "\r")
		s.add(line{text: text, raw: text, caller: rec.Caller, at: s.added, user: rec.Facility != 0})
	}
	s.added++
}

// AddLine takes the next line of a log that is text, in any of the forms that
// [ConsoleFaults] knows.
func (s *Scanner) AddLine(raw string) {
	for _, part := range parts(strings.TrimRight(raw, "\r\n")) {
		l := parseLine(part, s.added)
		for text := range strings.SplitSeq(l.text, "\n") { // several in a raw record
			l.text = text
			s.add(l)
		}
	}
	s.added++
}

// Added returns how many records and lines were added: a fault that begins with
// the next one has it as its At.
func (s *Scanner) Added() int { return s.added }

// Begun returns how many faults have begun so far. It costs nothing.
func (s *Scanner) Begun() int { return len(s.reports) }

// Faults returns the faults so far, in the order of their beginnings. More may
// be added afterwards: what is Open may change then.
func (s *Scanner) Faults() []Fault {
	open := map[*report]bool{}
	found := make([]Fault, 0, len(s.reports))
	for _, name := range s.order {
		st := s.streams[name]
		for _, r := range st.open {
			open[r] = true
		}
		if st.last != nil && st.since <= panicGap {
			open[st.last] = true
		}
		if r := st.begun(); r != nil {
			f := r.fault()
			f.Open = true
			found = append(found, f)
		}
	}
	for _, r := range s.reports {
		f := r.fault()
		f.Open, f.Whole = open[r], r.closed || r.tail
		found = append(found, f)
	}
	earlier := func(a, b Fault) int { return a.At - b.At }
	if !slices.IsSortedFunc(found, earlier) { // callers' reports are told apart, and overlap
		slices.SortStableFunc(found, earlier)
	}
	return found
}

func (s *Scanner) add(l line) {
	if l.user {
		return
	}
	if strings.HasPrefix(l.text, "Linux version ") {
		s.flush() // the machine has started again
	}
	st := s.streams[l.caller]
	if st == nil {
		if s.streams == nil {
			s.streams = map[string]*stream{}
		}
		st = &stream{}
		s.streams[l.caller] = st
		s.order = append(s.order, l.caller)
	}
	st.since++
	h := headOf(l.text)
	switch {
	case st.absorbs(h, l):
	case h != nil:
		s.begin(st, h, l)
	case l.text == cutHere:
		s.abandon(st)
		st.pending = []line{l}
	case len(st.pending) > 0 && st.pending[0].text == cutHere:
		st.pending = append(st.pending, l)
		if len(st.pending) > pendingLines {
			s.abandon(st)
		}
	default:
		s.give(st, l)
	}
}

// absorbs gives a head or a cut-here line to the report that it continues.
func (st *stream) absorbs(h *head, l line) bool {
	if h == nil && l.text != cutHere {
		return false
	}
	if n := len(st.open); n > 0 && st.open[n-1].joins(h, l.text) {
		st.open[n-1].absorb(h, l)
		if st.open[n-1].closed {
			st.pop()
		}
		return true
	}
	if h != nil && len(st.pending) > 0 && st.pending[0].text == cutHere && h.ends != traced && h.ends != ruled && h.ends != halted {
		st.pending = append(st.pending, l) // the message of a warning
		return true
	}
	if h != nil && h.kind == Panic && st.last != nil && st.since <= panicGap && len(st.pending) == 0 {
		st.last.absorb(h, l)
		st.open = append(st.open, st.last)
		st.last = nil
		return true
	}
	return false
}

func (s *Scanner) begin(st *stream, h *head, l line) {
	if n := len(st.open); n > 0 && (st.open[n-1].ending == dumped || st.open[n-1].tail) {
		st.pop()
	}
	r := newReport(h, l, st.pending)
	st.pending = nil
	s.reports = append(s.reports, r)
	if r.isLockup() {
		st.lockup, s.locked = r, st
	}
	st.open = append(st.open, r)
	if r.closed {
		st.pop()
	}
}

// give hands a line to the open reports, the last one first.
func (s *Scanner) give(st *stream, l line) {
	rule := isRule(l.text)
	lead := isLead(l.text)
	if len(st.pending) > 0 && !rule && !lead && l.text != "" { // a rule that no head followed
		st.pending = nil
	}
	for len(st.open) > 0 {
		r := st.open[len(st.open)-1]
		if (rule || lead) && r.ending == dumped {
			break
		}
		taken := r.offer(l)
		if r.closed {
			st.pop()
		}
		if taken {
			return
		}
	}
	if rule || lead {
		if rule && (len(st.pending) == 0 || !isLead(st.pending[0].text)) {
			st.pending = nil
		}
		st.pending = append(st.pending, l)
		return
	}
	if strings.HasPrefix(l.text, "NMI backtrace for cpu ") && l.caller != "" {
		s.borrow(st, l)
	}
}

// isLead knows lines that stand before the head of a report.
func isLead(text string) bool {
	return isSlabLead(text) || strings.HasPrefix(text, "kernel tried to execute NX-") || strings.HasPrefix(text, "unable to execute userspace code (SMEP?)")
}

// isSlabLead knows the line that stands before the report of a broken slab since
// 6.12: [Poison overwritten] 0x.
func isSlabLead(text string) bool {
	return strings.HasPrefix(text, "[") && strings.Contains(text, " overwritten] 0x")
}

// borrow lets another caller print to the report that asked for it: that of a
// lockup has all processors' backtraces.
func (s *Scanner) borrow(st *stream, l line) {
	if s.locked != nil && s.locked.lockup != nil {
		s.locked.lockup.keep(l)
		st.open = append(st.open, s.locked.lockup)
	}
}

func (r *report) isLockup() bool {
	k := r.head.kind
	return k == RCUStall || k == SoftLockup || k == HardLockup || k == HungTask
}

func (st *stream) pop() {
	n := len(st.open) - 1
	st.last, st.since = st.open[n], 0
	if st.lockup == st.last {
		st.lockup = nil
	}
	st.open = st.open[:n]
}

// begun returns the report of a cut-here line that no head has followed yet, or
// nil.
func (st *stream) begun() *report {
	if len(st.pending) < 2 || st.pending[0].text != cutHere {
		return nil
	}
	r := newReport(&warned, st.pending[1], st.pending[:1])
	for _, l := range st.pending[2:] {
		r.offer(l)
	}
	return r
}

// abandon waits no longer for a head.
func (s *Scanner) abandon(st *stream) {
	if r := st.begun(); r != nil {
		s.reports = append(s.reports, r)
	}
	st.pending = nil
}

// flush ends all that is open.
func (s *Scanner) flush() {
	for _, name := range s.order {
		s.abandon(s.streams[name])
	}
	s.streams, s.order, s.locked = nil, nil, nil
}
