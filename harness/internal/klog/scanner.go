package klog

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kmodtest/kmodtest/harness/internal/klog/dump"
	"github.com/kmodtest/kmodtest/harness/internal/klog/prefix"
)

const (
	maxFaults  = 10_000   // faults that are kept
	maxText    = 32 << 20 // bytes of reports, after which only their first lines are kept
	maxStreams = 128
	staleLines = 20_000 // lines of other callers after which a stream's reports are closed
)

// budget counts the bytes that the reports of a log take, including open ones.
type budget struct{ used int }

// Scanner finds faults in a log while it is written. Its zero value has seen an
// empty log. It must not be used by several goroutines at once.
//
// It keeps the first 10,000 faults and counts the others; the last report that it
// keeps ends with their number. Of a longer report it keeps the first and the last
// lines: at most 2,000 lines and 256 KiB.
type Scanner struct {
	added   int
	lines   int // records may have several
	streams map[string]*stream
	order   []string      // callers of the streams, in the order of their first lines
	locked  *stream       // the stream in which a stall was reported last
	stamped bool          // lines of the log have times
	object  prefix.Object // of a log as dmesg --json prints it
	reports []*report     // in the order of their heads
	budget  budget
	more    int     // faults that are not kept
	settled int     // number of reports, from the first on, that no longer change
	view    []Fault // the result of Faults; its settled first elements are final
}

// Add takes the next record of /dev/kmsg. A record that the kernel did not write
// itself is part of no fault, but is counted.
func (s *Scanner) Add(rec Record) {
	several := strings.Contains(rec.Text, "\n")
	inner := false
	for text := range strings.SplitSeq(rec.Text, "\n") {
		if several { // a part would keep the whole record in memory
			text = strings.Clone(text)
		}
		text = strings.TrimSuffix(text, "\r")
		s.add(line{text: text, raw: text, caller: rec.Caller, at: s.added, user: rec.Facility != 0, record: true, inner: inner})
		inner = inner || isContent(text)
	}
	s.added++
}

// AddLine takes the next line of a log that is text, in any of the forms that
// [ConsoleFaults] knows.
func (s *Scanner) AddLine(raw string) {
	if record, ok := s.object.Read(raw, s.added); ok {
		if raw = record; raw == "" {
			s.added++
			return
		}
	}
	if strings.HasPrefix(raw, " kernel:[") { // syslog's copy on a terminal
		raw = ""
	}
	for _, part := range parts(prefix.Unquoted(prefix.Uncolored(strings.TrimRight(raw, "\r\n")))) {
		l := parseLine(part, s.added)
		if host, text, ok := strings.Cut(l.text, " kernel: "); ok && l.stamp != "" && !strings.ContainsAny(host, " :") {
			// journalctl -o short-monotonic prints a host. parseLine leaves it: Rest
			// compares lines of the console, which have no host, with the log's records.
			l.text = text
		}
		if l.stamp != "" {
			if task, text := prefix.CutTask(l.text); task != "" {
				l.text, l.caller = text, "T"+task
			}
		}
		s.stamped = s.stamped || l.stamp != "" || l.record
		if !s.stamped && !l.user {
			if at := gluedHead(l.text); at > 0 && headOf(l.text) == nil {
				s.add(line{text: l.text[:at], raw: l.text[:at], at: s.added})
				l.text, l.raw = l.text[at:], l.text[at:]
			}
		}
		for text := range strings.SplitSeq(l.text, "\n") { // several in a raw record
			l.text = text
			s.add(l)
			l.inner = l.inner || isContent(text)
		}
	}
	s.added++
}

// isContent reports whether a line of a record may be a text of user space that the kernel repeats, such
// as a mount option, and the lines after it, too. The kernel's own reports begin with a record, or with
// empty lines and rules.
func isContent(text string) bool { return text != "" && !dump.IsRule(text) && text != cutHere }

// Added returns the number of records and lines that were added: the At of a fault
// that begins with the next one.
func (s *Scanner) Added() int { return s.added }

// Dropped returns the number of faults that are not kept: they came after too many
// others.
func (s *Scanner) Dropped() int { return s.more }

// Faults returns the faults so far, in the order of their beginnings. Faults that
// are Open may change when more is added. It is cheap enough to be called after
// each record. The slice is valid until the next call.
func (s *Scanner) Faults() []Fault {
	for s.settled < len(s.reports) && s.reports[s.settled].isSettled(s.lines) {
		r := s.reports[s.settled]
		f := r.fault()
		f.Whole = r.closed || r.ended
		s.view = append(s.view[:s.settled], f)
		r.release()
		s.settled++
	}
	s.view = s.view[:s.settled]
	for _, r := range s.reports[s.settled:] {
		f := r.fault()
		f.Open, f.Whole = !r.isSettled(s.lines), r.closed || r.ended
		s.view = append(s.view, f)
	}
	if n := len(s.reports); s.more > 0 {
		last := &s.view[n-1]
		last.Report = append(slices.Clip(s.reports[n-1].made.Report), fmt.Sprintf("... (%d faults after this one are not kept)", s.more))
	}
	found := s.view
	scratch := s.budget // these reports are made anew by each call
	for _, name := range s.order {
		if r := s.streams[name].begun(&scratch); r != nil && len(s.reports) < maxFaults {
			f := r.fault()
			f.Open = true
			found = append(found, f)
		}
	}
	earlier := func(a, b Fault) int { return a.At - b.At }
	if !slices.IsSortedFunc(found, earlier) { // reports of several callers overlap
		found = slices.Clone(found)
		slices.SortStableFunc(found, earlier)
	}
	return found
}

// isSettled reports whether the report takes no more lines. now is the number of
// the log's line.
func (r *report) isSettled(now int) bool {
	return r.opened == 0 && !slices.ContainsFunc(r.lasts, func(st *stream) bool { return st.last == r && st.remembers(now) })
}

func (s *Scanner) add(l line) {
	if l.user {
		return
	}
	l.text, l.raw = limitLine(l.text), limitLine(l.raw)
	if strings.HasPrefix(l.text, "Linux version ") {
		s.flush() // the machine has started again
	}
	s.lines++
	if s.lines%(staleLines/10) == 0 {
		s.closeStale()
	}
	st := s.stream(l.caller)
	st.since++
	st.seen = s.lines
	h := headOf(l.text)
	if h != nil && (l.inner || isProcess(l.text)) {
		h = nil
	}
	if h != nil && h.weak && (isLead(l.text) || s.stamped && l.stamp == "" && !l.record) {
		h = nil
	}
	if h == nil && len(s.reports) == 0 && st.top() == nil && len(st.pending) == 0 && strings.HasPrefix(l.text, endOfTrace) {
		h = &beheaded
	}
	if s.postpones(st, h, l) {
		return
	}
	switch {
	case st.absorbs(h, l, s.lines):
	case h != nil:
		s.begin(st, h, l)
	case l.text == cutHere && !l.inner:
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

// postpones keeps the line of a mild head, and those of a dump after it, until it is certain whether an oops
// follows. It reports whether it keeps the line.
func (s *Scanner) postpones(st *stream, h *head, l line) bool {
	if h == nil && len(st.mild) > 0 && len(st.mild) < pendingLines && l.text != "" && dump.IsLine(l.text) {
		st.mild = append(st.mild, l)
		return true
	}
	kept := st.mild
	st.mild = nil
	if len(kept) > 0 && h != nil && strings.Contains(l.text, "[#") {
		s.begin(st, headOf(kept[0].text), kept[0])
		kept = kept[1:]
	}
	for _, l := range kept {
		s.give(st, l)
	}
	if h == nil || !h.mild || st.top() != nil && st.top().joins(h, l.text) {
		return false
	}
	st.mild = []line{l}
	return true
}

// stream returns the stream of a caller.
func (s *Scanner) stream(caller string) *stream {
	if st := s.streams[caller]; st != nil {
		return st
	}
	if s.streams == nil {
		s.streams = map[string]*stream{}
	}
	if len(s.order) >= maxStreams {
		oldest := slices.MinFunc(s.order, func(a, b string) int { return s.streams[a].seen - s.streams[b].seen })
		s.close(s.streams[oldest])
		delete(s.streams, oldest)
		s.order = slices.DeleteFunc(s.order, func(name string) bool { return name == oldest })
	}
	st := &stream{}
	s.streams[caller] = st
	s.order = append(s.order, caller)
	return st
}

func (s *Scanner) begin(st *stream, h *head, l line) {
	if r := st.top(); r != nil && (r.ending == dumped || r.ending == tracked || r.ended) {
		st.pop(s.lines)
	}
	r := newReport(h, l, st.pending, &s.budget)
	st.pending = nil
	s.enter(st, r)
	if r.closed {
		st.pop(s.lines)
	}
}

// enter adds a report to those that a stream prints to.
func (s *Scanner) enter(st *stream, r *report) {
	if len(s.reports) < maxFaults {
		s.reports = append(s.reports, r)
	} else {
		s.more++
	}
	if r.isStall() {
		st.stall, s.locked = r, st
	}
	st.push(r)
}

// give hands a line to the open reports, the last one first.
func (s *Scanner) give(st *stream, l line) {
	rule := dump.IsRule(l.text)
	lead := isLead(l.text)
	if len(st.pending) > 0 && !rule && !lead && l.text != "" { // no head followed a rule
		st.pending = nil
	}
	for r := st.top(); r != nil; r = st.top() {
		if (rule || lead) && r.ending == dumped {
			break
		}
		taken := r.offer(l)
		if r.closed {
			st.pop(s.lines)
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
		if len(st.pending) > pendingLines {
			st.pending = slices.Delete(st.pending, 0, 1)
		}
		return
	}
	// All processors print their backtraces for the one that noticed a stall.
	if strings.HasPrefix(l.text, "NMI backtrace for cpu ") && l.caller != "" && s.locked != nil && s.locked.stall != nil {
		s.locked.stall.keep(l)
		st.push(s.locked.stall)
	}
}

// abandon stops waiting for the head after a cut-here line.
func (s *Scanner) abandon(st *stream) {
	if r := st.begun(&s.budget); r != nil {
		if len(s.reports) < maxFaults {
			s.reports = append(s.reports, r)
		} else {
			s.more++
		}
	}
	st.pending = nil
}

// close ends all reports of a stream.
func (s *Scanner) close(st *stream) {
	s.abandon(st)
	for st.top() != nil {
		st.pop(s.lines)
	}
	st.last, st.mild = nil, nil
	if s.locked == st {
		s.locked = nil
	}
}

func (s *Scanner) closeStale() {
	for _, name := range s.order {
		if st := s.streams[name]; s.lines-st.seen > staleLines {
			s.close(st)
		}
	}
}

// flush ends all reports.
func (s *Scanner) flush() {
	for _, name := range s.order {
		s.close(s.streams[name])
	}
	s.streams, s.order, s.locked = nil, nil, nil
}
