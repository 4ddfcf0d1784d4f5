package events

import (
	"bytes"
	"strings"

	"github.com/kmodtest/kmodtest/harness/internal/inside"
)

// unnamed is the line that the testing package prints after a top-level test.
const unnamed = "=== NAME  \n"

// Write is called by the testing package with one event and the lines that belong to
// it, or with one line of a test's log. The test continues only when Write returns, so
// its mark precedes everything that it does.
func (r *reporter) Write(p []byte) (int, error) {
	text, isEvent := strings.CutPrefix(string(p), Marker)
	if !isEvent {
		r.say(text)
		return len(p), nil
	}
	if text == unnamed && r.muted.Load() {
		return len(p), nil
	}
	for _, v := range inside.EventLines {
		if rest, ok := strings.CutPrefix(text, v.Line); ok {
			r.tell(v.Verb, v.Line, rest)
			return len(p), nil
		}
	}
	r.say(text)
	return len(p), nil
}

// tell prints and marks an event: a line that begins with what, and the lines that
// belong to it.
func (r *reporter) tell(verb, what, rest string) {
	name, _, _ := strings.Cut(rest, "\n")
	if verb != inside.MarkEnd {
		if r.hush(verb, name) {
			return
		}
		if verb == inside.MarkRun && !strings.Contains(name, "/") {
			r.say(what + rest) // begin writes the mark
			return
		}
		r.mark(what+rest, verb, name)
		return
	}
	took := ""
	if i := strings.LastIndex(name, " ("); i >= 0 {
		name, took = name[:i], strings.Trim(name[i:], " ()")
	}
	if r.hush(verb, name) {
		return
	}
	r.mark(what+rest, verb, name, strings.Trim(what, "- :"), took)
}

// hush reports whether an event belongs to a top-level test that is not selected. At
// its start only its number is known.
func (r *reporter) hush(verb, name string) (hushed bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer func() { r.muted.Store(hushed) }()
	if verb == inside.MarkRun && !strings.Contains(name, "/") {
		return !r.turns.has(r.starts)
	}
	if name != r.hushed {
		return false
	}
	if verb == inside.MarkEnd {
		r.hushed = ""
	}
	return true
}

// say prints lines, each after a Marker, as a whole.
func (r *reporter) say(text string) { r.send(text, "") }

// send prints lines, and tells the host of the line of a mark, unless that is "". It returns whether
// the host has got that line.
func (r *reporter) send(text, mark string) bool {
	if text == "" {
		return r.channel.announce(mark)
	}
	var out bytes.Buffer
	for line := range strings.Lines(text) {
		out.WriteString(Marker + line)
	}
	if r.channel.write(r.out, out.Bytes(), mark) {
		return true
	}
	// An error means that the host is gone, which ends the machine.
	_, _ = r.out.Write(out.Bytes())
	return r.channel.announce(mark)
}
