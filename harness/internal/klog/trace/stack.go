package trace

import (
	"regexp"
	"slices"
	"strings"
)

// stack is a sequence of frames in a report.
type stack struct {
	frames  []Frame // innermost first
	pointed bool    // the first frame is the instruction at which the processor was
	nowhere bool    // the processor was in no function
	jumps   bool    // the next line has the last jump or call: the instruction, no return address
	named   bool    // the head has named that instruction
	broken  int     // index of the frame at which an interrupt came; 0 without an interrupt
	history bool    // older than the fault: of an allocation or an earlier lock
	linked  []Frame // return address registers
}

// Reader splits the lines of a report into stacks: its head, then the lines after
// it. It must not be used by several goroutines at once.
type Reader struct {
	stacks []stack
	all    []Frame  // in the order of the report
	noted  []Frame  // where locks were taken, or interrupts disabled; the work item that left something taken
	taken  []Frame  // where the lock that lockdep reports is taken
	said   []Frame  // what the message of a BUG or WARNING names
	Passes []string // parts of the names of functions that are skipped in this report
	aside  bool     // the next stack is that of a thread of RCU
	wants  bool     // the next place after "at:" is where a lock is taken
}

// Frames returns the frames in the order of the report.
func (r *Reader) Frames() []Frame { return r.all }

func (r *Reader) open(history bool) {
	r.stacks = append(r.stacks, stack{history: history})
}

func (r *Reader) top() *stack {
	if len(r.stacks) == 0 {
		r.open(false)
	}
	return &r.stacks[len(r.stacks)-1]
}

func (r *Reader) add(f Frame) {
	if f.isOutside() {
		return
	}
	s := r.top()
	if n := len(s.frames); f.Size == 0 && n > 0 && s.frames[n-1].Function == f.Function {
		return // on arm, the caller of the line before
	}
	if n := len(s.frames); n > 0 && !s.frames[n-1].Guess && resumesAt(s.frames[n-1].Function) {
		f.Return = false
	}
	if at := f; (s.pointed || s.named) && len(s.frames) == 1 {
		at.Return = false
		if at == s.frames[0] {
			return // on arm64 and riscv, a trace begins with the instruction itself
		}
	}
	s.frames = append(s.frames, f)
	r.all = append(r.all, f)
}

// Head takes the line that names the fault.
func (r *Reader) Head(text string) {
	if strings.Contains(text, " CSD lock ") { // it names the function that the processor was to call
		return
	}
	if f, ok := frameIn(text); ok {
		r.add(f)
		return
	}
	_, what, ok := strings.Cut(text, " in ")
	name := symbol(what)
	if ok && strings.HasPrefix(text, "BUG: K") && name != "" && (len(name) == len(what) || strings.HasPrefix(what[len(name):], " at addr ") || isDecoded(what[len(name):])) {
		r.add(Frame{Function: name})
	}
}

// Message takes the message of a BUG or WARNING. It may name a callback that has
// returned and is in no trace.
func (r *Reader) Message(text string) {
	if f, ok := frameIn(text); ok {
		r.said = append(r.said, f)
	}
}

// Line takes a line after the head.
func (r *Reader) Line(text string) {
	text = strings.TrimPrefix(text, "kmemleak: ")
	text = r.beside(text)
	if s := r.top(); s.jumps {
		s.jumps = false
		for _, f := range Frames(text) {
			f.Return = false
			s.frames, r.all = slices.Insert(s.frames, 0, f), append(r.all, f)
		}
		return
	}
	if f, ok := pointerFrame(text); ok {
		r.pointer(f)
		return
	}
	if found := Frames(text); found != nil {
		for _, f := range found {
			r.add(f)
		}
		return
	}
	if !r.boundary(text) {
		r.place(text)
	}
}

// boundary takes a line if it begins another stack, and reports whether it does.
func (r *Reader) boundary(text string) bool {
	s := r.top()
	switch {
	case strings.HasPrefix(text, "Last Breaking-Event-Address"): // s390
		if !s.nowhere {
			r.open(true)
		}
		r.top().jumps = true
	case startsHistory(text):
		r.open(true)
		if f, ok := frameIn(text); ok && (strings.Contains(text, "llocated in ") || strings.Contains(text, "reed in ")) { // slab
			r.add(f)
		}
	case strings.HasPrefix(text, "rcu: RCU grace-period kthread stack dump"), strings.Contains(text, " kthread starved for "):
		r.aside = true
		r.open(true)
	case r.aside && (strings.HasPrefix(text, "task:") || strings.HasPrefix(text, "Call ")):
	case startsStack(text):
		r.wants, r.aside = false, false
		if s.history || len(s.frames) > 0 {
			r.open(false)
		}
	case strings.HasPrefix(text, "Call ") && strings.HasSuffix(text, "race:"), strings.HasPrefix(text, "Backtrace:"):
		if s.history || len(s.frames) > 1 || len(s.frames) > 0 && !s.pointed {
			r.open(false)
		}
	case isInterrupted(strings.TrimSpace(text)), strings.HasPrefix(text, "--- interrupt: "):
		if s.broken == 0 && len(s.frames) > 0 {
			s.broken = len(s.frames)
		}
	default:
		return false
	}
	return true
}

// marked matches a frame beside the name of a stack, as x86 prints both before 4.9.
var marked = regexp.MustCompile(`^ *(<{1,2}/?#?[A-Za-z]+>{1,2}) +(\[?<?[^<>].*\+0x.*)`)

// beside takes the name of a stack before a frame, and returns the rest of the line.
func (r *Reader) beside(text string) string {
	if !strings.Contains(text, "> ") {
		return text
	}
	m := marked.FindStringSubmatch(text)
	if m == nil {
		return text
	}
	r.boundary(" " + m[1])
	return " " + m[2]
}

// isInterrupted recognizes the end of the stack of an interrupt or an exception.
func isInterrupted(name string) bool { return name == "</IRQ>" || name == "<EOI>" || name == "<<EOE>>" }

// place takes a line that may name a place outside a trace: a return address
// register, a line of lockdep, an irq event stamp, or a work item.
func (r *Reader) place(text string) {
	switch {
	case strings.HasPrefix(text, "lr : "), strings.HasPrefix(text, "LR is at "), strings.HasPrefix(text, "LR ["), strings.HasPrefix(text, " ra : "):
		if f, ok := frameIn(text); ok {
			s := r.top()
			f.Return = true
			if s.nowhere && len(s.frames) == 0 { // no trace has the caller of what is no function
				r.add(f)
				return
			}
			s.linked = append(s.linked, f)
			r.all = append(r.all, f)
		}
	case strings.HasPrefix(text, " #") && strings.Contains(text, " at: "), strings.HasPrefix(text, "hardirqs last disabled at "):
		_, place, _ := strings.Cut(text, " at")
		if f, ok := frameIn(place); ok {
			r.noted = append(r.noted, f)
		}
	case strings.HasPrefix(text, "     last function: "), strings.HasPrefix(text, "     preempt=") && strings.Contains(text, " workfn="):
		if f, ok := workFrame(text); ok {
			r.noted = append(r.noted, f)
			r.all = append(r.all, f)
		}
	case strings.Contains(text, "is trying to "), strings.HasSuffix(text, " takes:"):
		r.wants = true
	case strings.HasSuffix(text, "holding:"), strings.HasSuffix(text, "holding lock:"):
		r.wants = false
	case r.wants:
		if _, place, ok := strings.Cut(text, " at: "); ok {
			if f, ok := frameIn(place); ok {
				r.add(f)
				r.taken, r.wants = append(r.taken, f), false
			}
		}
	}
}

// workFrame returns the function of a work item, which has ended and is in no trace:
// "last function: f [module]" or, since 6.9, "workfn=f [module]".
func workFrame(text string) (Frame, bool) {
	_, place, ok := strings.Cut(text, "workfn=")
	if !ok {
		_, place, _ = strings.Cut(text, ": ")
	}
	f := Frame{Function: symbol(place)}
	f.setModule(place[len(f.Function):])
	return f, f.Function != ""
}

// pointer takes the frame of an instruction pointer: from the registers before a
// trace, or from those that an interrupt saved, inside the trace.
func (r *Reader) pointer(f Frame) {
	s := r.top()
	if s.history {
		r.open(false)
		s = r.top()
	}
	if f.Function == "" || f.isOutside() {
		s.nowhere = len(s.frames) == 0
		return
	}
	switch n := len(s.frames); {
	case n == 0:
		s.pointed, s.nowhere = true, false
	case s.frames[n-1] == f:
		s.named = n == 1
		return // a second line for NIP
	case !s.pointed && s.broken == 0:
		s.broken = n
	}
	r.add(f)
}

// startsHistory reports whether an older stack follows, not that of the fault.
func startsHistory(text string) bool {
	switch {
	case text == "":
		return false
	case strings.HasSuffix(text, " at:") && !strings.Contains(text, "is trying to release") && !strings.Contains(text, "kernel BUG"),
		strings.HasPrefix(text, "-> #"), strings.HasPrefix(text, "-> ("),
		strings.HasPrefix(text, "Preemption disabled at"), strings.HasPrefix(text, "page last "), strings.HasPrefix(text, "page has been"),
		strings.HasPrefix(text, "page_owner "), strings.HasPrefix(text, "page allocated via "), strings.HasPrefix(text, "the existing dependency chain"),
		strings.HasPrefix(text, "the shortest dependencies"), strings.HasPrefix(text, "Last potentially related work"),
		strings.HasPrefix(text, "Second to last potentially"), strings.HasPrefix(text, "Uninit was "), strings.HasPrefix(text, "Local variable "):
		return true
	}
	text = strings.TrimPrefix(text, "INFO: ")
	for _, prefix := range []string{"Allocated ", "allocated ", "Freed ", "freed "} {
		if strings.HasPrefix(text, prefix+"by ") || strings.HasPrefix(text, prefix+"in ") {
			return true
		}
	}
	return strings.HasPrefix(text, "Allocated:") || strings.HasPrefix(text, "Freed:")
}

// startsStack reports whether the stack of another task or processor follows, or
// that of the fault after an older one.
func startsStack(text string) bool {
	for _, prefix := range []string{
		"CPU: ", "NMI backtrace for cpu ", "task:", "Task dump for CPU", "stack backtrace:", "Showing all locks held", "Modules linked in", "Sending NMI ",
		"NMI backtrace", "Hardware name: ",
	} {
		if strings.HasPrefix(text, prefix) {
			return true
		}
	}
	return false
}
