package klog

import (
	"slices"
	"strings"
)

// scanner finds the reports in a log that is given to it line by line.
type scanner struct {
	streams map[string]*stream // of each caller; that of "" where the log names none
	reports []*report          // in their order
	order   []string           // of the streams, as they came
}

// stream is what one task or processor printed; or all, where the log does not
// name them.
type stream struct {
	open    []*report // the last one is printed to
	pending []line    // what came before a head: cut here, a rule
	last    *report   // the one that was closed last
	since   int       // lines ago
}

const (
	pendingLines = 12
	panicGap     = 12 // lines between the end of a report and the panic that it causes
)

// warned is what a report has become of which only the beginning is there.
var warned = head{kind: Warning, ends: traced}

func (s *scanner) add(l line) {
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

func (s *scanner) begin(st *stream, h *head, l line) {
	if n := len(st.open); n > 0 && (st.open[n-1].ending == dumped || st.open[n-1].tail) {
		st.pop()
	}
	r := newReport(h, l, st.pending)
	st.pending = nil
	s.reports = append(s.reports, r)
	st.open = append(st.open, r)
	if r.closed {
		st.pop()
	}
}

// give hands a line to the open reports, the last one first.
func (s *scanner) give(st *stream, l line) {
	rule := isRule(l.text)
	lead := isSlabLead(l.text)
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
		if rule && (len(st.pending) == 0 || !isSlabLead(st.pending[0].text)) {
			st.pending = nil
		}
		st.pending = append(st.pending, l)
		return
	}
	if strings.HasPrefix(l.text, "NMI backtrace for cpu ") && l.caller != "" {
		s.borrow(st, l)
	}
}

// isSlabLead knows the line that stands before the report of a broken slab since
// 6.12: [Poison overwritten] 0x.
func isSlabLead(text string) bool {
	return strings.HasPrefix(text, "[") && strings.Contains(text, " overwritten] 0x")
}

// borrow lets another caller print to the report that asked for it: that of a
// lockup has all processors' backtraces.
func (s *scanner) borrow(st *stream, l line) {
	for _, other := range s.order {
		for _, r := range s.streams[other].open {
			if k := r.head.kind; k == RCUStall || k == SoftLockup || k == HardLockup || k == HungTask {
				r.keep(l)
				st.open = append(st.open, r)
				return
			}
		}
	}
}

func (st *stream) pop() {
	n := len(st.open) - 1
	st.last, st.since = st.open[n], 0
	st.open = st.open[:n]
}

// abandon makes a report of a cut-here line of which nothing more is there.
func (s *scanner) abandon(st *stream) {
	if len(st.pending) > 1 && st.pending[0].text == cutHere {
		first := st.pending[1]
		r := newReport(&warned, first, st.pending[:1])
		for _, l := range st.pending[2:] {
			r.offer(l)
		}
		s.reports = append(s.reports, r)
	}
	st.pending = nil
}

func (s *scanner) flush() {
	for _, name := range s.order {
		st := s.streams[name]
		s.abandon(st)
		*st = stream{}
	}
}

// faults ends the log.
func (s *scanner) faults() []Fault {
	s.flush()
	var found []Fault
	for _, r := range s.reports {
		found = append(found, r.finish())
	}
	slices.SortStableFunc(found, func(a, b Fault) int { return a.At - b.At })
	return found
}
