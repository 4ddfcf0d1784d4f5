package trace

import (
	"slices"
	"strings"
)

// Blame names the stacks of a report in which the guilty function is looked for.
type Blame int

// The stacks in which the guilty function is looked for.
const (
	AnyStack    Blame = iota // all stacks, in their order
	Interrupted              // the operation in the code that the reporting interrupt interrupted
	Operation                // the operation, in any stack: the function itself is as good as random
	FirstStack               // the first stack: the others are of other tasks
	Everything               // all stacks, including older ones such as that of an allocation; no guesses
	Noted                    // where a lock was taken or interrupts were disabled, then as AnyStack
	Nowhere                  // no stack: the head names everything that is known
)

// Guilty returns the frame that a report is about: the first one in an out-of-tree
// module, else the first one in any module, else the one in a module that the
// message names, else the first one in the kernel.
func (r *Reader) Guilty(where Blame, outside map[string]bool) (Frame, bool) {
	if where == Nowhere {
		return Frame{}, false
	}
	var now, before, beyond, linked [][]Frame
	for i := range r.stacks {
		s := r.stacks[i].called().untilIdle()
		linked = append(linked, s.linked)
		switch {
		case s.history && where != Everything:
			before = append(before, s.frames)
		case len(s.frames) == 0, where == FirstStack && len(now) > 0:
		case where == Interrupted:
			now = append(now, s.interrupted())
		default:
			own, other := s.split()
			now, beyond = append(now, own), append(beyond, other)
		}
	}
	if where == Noted {
		now = append([][]Frame{r.noted}, now...)
	}
	isModular := func(f *Frame) bool { return f.Module != "" }
	isOwn := func(f *Frame) bool { return f.Module != "" && skipped(f.Function) == "" } // not of a bus, for its driver
	isCertain := func(f *Frame) bool {
		return f.Module == "" && skipped(f.Function) == "" && !slices.ContainsFunc(r.Passes, func(part string) bool { return strings.Contains(f.Function, part) })
	}
	isLikely := func(f *Frame) bool {
		why := skipped(f.Function)
		return why == "" || why.uncertain() || why == idles && where != Interrupted
	}
	certain := now
	if where == Interrupted && !pointsAt(now, isCertain) || where == Operation {
		certain = append(operations(now, isCertain), now...)
	}
	for _, step := range []struct {
		stacks [][]Frame
		wanted func(*Frame) bool
	}{
		{now, func(f *Frame) bool { return outside[f.Module] }},
		{beyond, func(f *Frame) bool { return outside[f.Module] }},
		{now, isOwn},
		{now, isModular},
		{r.guesses(where, now), func(f *Frame) bool { return outside[f.Module] }},
		{r.guesses(where, now), isOwn},
		{before, isModular},
		{[][]Frame{r.said}, isModular},
		{[][]Frame{r.taken}, func(f *Frame) bool { return isCertain(f) || skipped(f.Function) == dispatch }},
		{certain, isCertain},
		{r.guesses(where, now), isCertain},
		{linked, isLikely},
		{now, func(f *Frame) bool { return skipped(f.Function) == dispatch }},
		{now, isLikely},
		{beyond, isCertain},
		{before, isCertain},
	} {
		if f, ok := first(step.stacks, step.wanted); ok {
			return f, true
		}
	}
	return Frame{}, false
}

// guesses returns the frames that the kernel guessed, if it guessed all callers: it
// was built without an unwinder.
func (r *Reader) guesses(where Blame, stacks [][]Frame) [][]Frame {
	if where == Everything {
		return nil
	}
	var found [][]Frame
	for _, frames := range stacks {
		var all []Frame
		for _, f := range frames {
			if f.Return && !f.Guess {
				return nil
			}
			if f.Guess {
				f.Guess = false
				all = append(all, f)
			}
		}
		found = append(found, all)
	}
	return found
}

// pointsAt reports whether the first instruction pointer in the stacks is in a function
// that can be the guilty one.
func pointsAt(stacks [][]Frame, isCertain func(*Frame) bool) bool {
	for _, frames := range stacks {
		for i := range frames {
			if f := &frames[i]; !f.Guess {
				if !f.Return && isCertain(f) {
					return true
				}
				if why := skipped(f.Function); !f.Return && (why == "" || why.uncertain() || why == checks) {
					return false
				}
			}
		}
	}
	return false
}

// operations returns, for each stack, the outermost of the certain frames that are inside
// a call by the general parts of the kernel: the handler of a packet, a timer, an ioctl or
// a system call. A function that ends late, or that uses the last of a stack, is called
// there by chance; its operation is the same each time. A stack that does not show such a
// call has no operation.
func operations(stacks [][]Frame, isCertain func(*Frame) bool) [][]Frame {
	var found [][]Frame
	for _, frames := range stacks {
		var operation []Frame
		for _, f := range frames {
			switch why := skipped(f.Function); {
			case f.Guess:
			case isRelay(f.Function), why == dispatch, why == arrives, why == enters, why == idles:
				if operation != nil {
					found, operation = append(found, operation), nil
				}
			case isCertain(&f):
				operation = []Frame{f}
			}
		}
	}
	return found
}

func first(stacks [][]Frame, wanted func(*Frame) bool) (Frame, bool) {
	for _, frames := range stacks {
		for i := range frames {
			if f := &frames[i]; !f.Guess && !f.IsNext() && wanted(f) {
				return *f, true
			}
		}
	}
	return Frame{}, false
}

// called returns the stack with the function that the return address register names as
// the caller of the first one, if no frame is there for it: a function in assembly, or one
// that calls no other, has none on arm64 and riscv. A function that has called another one
// is named by the register itself.
func (s *stack) called() *stack {
	if !s.pointed || len(s.frames) == 0 || len(s.linked) == 0 {
		return s
	}
	caller := s.linked[0]
	if slices.ContainsFunc(s.frames, func(f Frame) bool { return f.Function == caller.Function }) {
		return s
	}
	whole := *s
	whole.frames = slices.Insert(slices.Clone(s.frames), 1, caller)
	if s.broken > 0 {
		whole.broken++
	}
	return &whole
}

// untilIdle returns the stack without what is behind the first function of an idle processor: only the kernel's start
// is there.
func (s *stack) untilIdle() *stack {
	i := slices.IndexFunc(s.frames, func(f Frame) bool { return !f.Guess && skipped(f.Function) == idles })
	if i < 0 {
		return s
	}
	short := *s
	short.frames = s.frames[:i+1]
	if short.broken > len(short.frames) {
		short.broken = 0
	}
	return &short
}

// interrupted returns the frames of the code that was interrupted by the interrupt
// that made the report.
func (s *stack) interrupted() []Frame {
	if s.pointed {
		return s.frames
	}
	_, other := s.split()
	if len(other) == 0 {
		return s.frames
	}
	return other
}

// split returns the frames of an interrupt, and those of the code that it
// interrupted.
func (s *stack) split() (own, other []Frame) {
	for i := range s.frames {
		if s.broken > 0 && i >= s.broken {
			break
		}
		if !s.frames[i].Guess && skipped(s.frames[i].Function) == arrives {
			return s.frames[:i+1], s.frames[i+1:]
		}
	}
	if s.broken > 0 && skipped(s.frames[s.broken-1].Function) != traps { // after an exception, the same code goes on
		return s.frames[:s.broken], s.frames[s.broken:]
	}
	return s.frames, nil
}
