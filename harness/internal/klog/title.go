package klog

import (
	"slices"
	"strings"

	"github.com/kmodtest/kmodtest/harness/internal/klog/trace"
	"github.com/kmodtest/kmodtest/harness/internal/printable"
)

// reading finds the kind, the title and the frames of a report.
type reading struct {
	head  *head
	line  string   // the head's line
	notes []string // the messages before it
	lines []line   // all lines, including the head
	at    int      // index of the head in lines
}

// fault returns the kind, the title and the frames.
func (r *reading) fault() Fault {
	f := Fault{Kind: r.kind()}
	s := trace.Reader{Passes: r.head.passes}
	s.Head(r.line)
	s.Message(r.note())
	traced := false
	for i, l := range r.lines {
		traced = traced || strings.HasPrefix(l.text, "Call ")
		if i != r.at && traced && strings.HasPrefix(l.text, endOfTrace) { // the same stack follows again
			break
		}
		if i > r.at {
			s.Line(l.text)
		}
	}
	f.Frames = s.Frames()
	title, in := r.title(), ""
	if at, ok := s.Guilty(r.blame(), r.outOfTree()); ok && !hasPlace(title, at.Place()) {
		in = limitTitle(" in "+at.Place(), titleBytes/2)
	}
	f.Title = limitTitle(printable.Line(title), titleBytes-len(in)) + in
	return f
}

// kind returns the head's kind, or a more exact one from the rest of the report.
func (r *reading) kind() Kind {
	kind := r.head.kind
	if kind == Bug || kind == Warning {
		for i := range heads {
			for _, file := range heads[i].sources {
				if strings.Contains(r.line, " "+file+":") {
					kind = heads[i].kind
				}
			}
		}
		for _, note := range []string{r.note(), r.line} {
			if h := headOf(note); h != nil && h.message {
				kind = h.kind
			}
		}
	}
	for _, c := range r.head.change {
		if strings.Contains(r.line, c.text) || r.has(c.text) {
			return c.kind
		}
	}
	return kind
}

// blame returns the stacks in which the guilty function is looked for.
func (r *reading) blame() trace.Blame {
	if h := headOf(r.note()); h != nil && h.message && h.blame != trace.AnyStack {
		return h.blame
	}
	if r.kind() == StackOverflow {
		return trace.Operation
	}
	return r.head.blame
}

// has reports whether a line of the report begins with prefix.
func (r *reading) has(prefix string) bool {
	return slices.ContainsFunc(r.lines, func(l line) bool { return strings.HasPrefix(l.text, prefix) })
}

// title returns the title without the guilty function.
func (r *reading) title() string {
	p, text := patternOf(r.line)
	title := r.head.title
	switch {
	case title == "":
		title = normal(text)
	case strings.Contains(title, "$0"):
		title = strings.ReplaceAll(title, "$0", normal(text))
	case strings.Contains(title, "$") && p != nil && p.head == r.head && p.rest != nil:
		title = p.expand(text)
		if r.head.detail != slabDetail { // the name of the cache has the size
			title = normal(title)
		}
	}
	title = strings.TrimRight(title, ".! ")
	if detail := r.detail(); detail != "" {
		title += ": " + normal(detail)
	}
	return strings.TrimRight(title, ".! ")
}

// hasPlace reports whether a title has a place as words of its own.
func hasPlace(title, place string) bool {
	_, after, ok := strings.Cut(" "+title+" ", " "+place)
	return ok && !isSymbol(after[0])
}

// detail returns the text that follows the head's title, or "".
func (r *reading) detail() string {
	switch r.head.detail {
	case messageDetail:
		if p, text := patternOf(r.note()); p != nil && p.head.message && p.head.title != "" {
			return p.expand(text)
		}
		return r.note()
	case lineDetail:
		if r.at+1 < len(r.lines) {
			return r.lines[r.at+1].text
		}
	case slabDetail:
		return r.slabProblem()
	case noDetail:
	}
	return ""
}

// note returns the message of a BUG or WARNING, or "". It precedes the head, or
// follows it on architectures whose warnings are a call and not an exception. Other
// lines may have been printed in between.
func (r *reading) note() string {
	for _, note := range r.notes {
		if h := headOf(note); h != nil && h.message {
			return note
		}
	}
	if len(r.notes) > 0 {
		return r.notes[0]
	}
	if r.head.kind != Warning {
		return ""
	}
	for _, l := range r.lines[min(r.at+1, len(r.lines)):min(r.at+3, len(r.lines))] {
		if h := headOf(l.text); h != nil && h.message {
			return l.text
		}
	}
	return ""
}

// slabProblem returns the problem of a slab's object. Since 6.12 it is in a line
// before the head, in brackets.
func (r *reading) slabProblem() string {
	for _, note := range r.notes {
		if isSlabLead(note) {
			problem, _, _ := strings.Cut(note[1:], "]")
			return problem
		}
	}
	_, problem, _ := strings.Cut(r.line, "): ")
	return problem
}

// outOfTree returns the modules that "Modules linked in:" marks as not part of
// the kernel's tree.
func (r *reading) outOfTree() map[string]bool {
	found := map[string]bool{}
	for _, l := range r.lines {
		list, ok := strings.CutPrefix(l.text, "Modules linked in:")
		if !ok {
			continue
		}
		for word := range strings.FieldsSeq(list) {
			if name, flags, ok := strings.Cut(word, "("); ok && strings.Contains(flags, "O") {
				found[name] = true
			}
		}
	}
	return found
}
