package klog

import (
	"regexp"
	"strings"
)

const (
	pendingLines = 12
	panicGap     = 60   // lines of a caller between the end of a report and the panic that it causes
	panicLines   = 1000 // lines of all callers
	openReports  = 8    // of one caller
)

// stream holds the state of the lines of one caller, a task or a processor; or of
// all lines, if the log does not name callers.
type stream struct {
	open    []*report // the last one takes the next line
	pending []line    // lines before a head: cut here, a rule
	mild    []line    // the line of a mild head, and those of a dump after it
	stall   *report   // the open report of a stall
	last    *report   // the report that was closed last
	since   int       // lines of the stream since last was closed
	ended   int       // number of the log's line that closed last
	seen    int       // number of the stream's last line
}

// warned is the head of a report that has only its cut-here line.
var warned = head{kind: Warning, ends: traced, title: "WARNING: $0"}

// beheaded is the head of a report whose beginning the log has lost. Its end names the place again.
var beheaded = head{kind: Oops, ends: dumped, title: "the beginning of a report is lost"}

func (st *stream) top() *report {
	if len(st.open) == 0 {
		return nil
	}
	return st.open[len(st.open)-1]
}

func (st *stream) push(r *report) {
	if len(st.open) >= openReports {
		st.open[0].closed = true
		st.open[0].opened--
		st.open = append(st.open[:0], st.open[1:]...)
	}
	st.open = append(st.open, r)
	r.opened++
}

// pop removes the report that takes the next line. now is the number of the log's
// line.
func (st *stream) pop(now int) {
	r := st.top()
	st.open = st.open[:len(st.open)-1]
	st.last, st.since, st.ended = r, 0, now
	if st.stall == r {
		st.stall = nil
	}
	r.opened--
	r.lasts = append(r.lasts, st)
}

// remembers reports whether a panic that follows now would belong to the report
// that was closed last.
func (st *stream) remembers(now int) bool {
	return st.last != nil && st.since <= panicGap && now-st.ended <= panicLines
}

// absorbs gives a head or a cut-here line to the report that it continues.
func (st *stream) absorbs(h *head, l line, now int) bool {
	if h == nil && l.text != cutHere {
		return false
	}
	if r := st.top(); r != nil && r.joins(h, l.text) {
		r.absorb(h, l)
		if r.closed {
			st.pop(now)
		}
		return true
	}
	if h != nil && len(st.pending) > 0 && st.pending[0].text == cutHere && h.ends != traced && h.ends != ruled && h.ends != halted {
		st.pending = append(st.pending, l) // the message of a warning
		return true
	}
	if h != nil && len(st.pending) == 0 && st.remembers(now) && h.follows(st.last) {
		r := st.last
		st.last = nil
		r.absorb(h, l)
		st.push(r)
		return true
	}
	return false
}

// begun returns the report of a cut-here line that no head has followed yet, or
// nil.
func (st *stream) begun(b *budget) *report {
	if len(st.pending) < 2 || st.pending[0].text != cutHere {
		return nil
	}
	r := newReport(&warned, st.pending[1], st.pending[:1], b)
	for _, l := range st.pending[2:] {
		r.offer(l)
	}
	return r
}

// isLead recognizes lines that come before the head of a report.
func isLead(text string) bool {
	return isSlabLead(text) || text == "BUG: memory leak" || strings.HasPrefix(text, "kernel tried to ") ||
		strings.HasPrefix(text, "unable to execute userspace code (SMEP?)") || strings.HasPrefix(text, "8<--- cut here ---") ||
		(strings.HasPrefix(text, "VERIFY") || strings.HasPrefix(text, "ASSERT")) && strings.Contains(text, ") failed") ||
		strings.HasPrefix(text, "Kernel attempted to ") || strings.HasPrefix(text, "Unexpected kernel ") // and "BRK exception at EL1", of arm64
}

// process matches the beginning of a line about a process that is called like the beginning of a
// report. Names have up to 15 bytes.
var process = regexp.MustCompile(`^[A-Za-z].{0,14}(\[\d+\]| \(\d+\)): `)

// isProcess reports whether the line is about a process, whose name user space has chosen: "BUG: x[7]: segfault at".
func isProcess(text string) bool {
	name := process.FindString(text)
	return name != "" && !strings.Contains(text[len(name):], "Oops") // as ia64 begins a report
}

// isSlabLead recognizes the line before the report of a broken slab since 6.12:
// [Poison overwritten] 0x.
func isSlabLead(text string) bool {
	return strings.HasPrefix(text, "[") && strings.Contains(text, " overwritten] 0x")
}

// isStall reports whether other callers print backtraces for the report.
func (r *report) isStall() bool {
	k := r.head.kind
	return k == RCUStall || k == SoftLockup || k == HardLockup || k == HungTask
}
