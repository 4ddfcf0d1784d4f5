package report

import (
	"fmt"
	"strings"
)

// Summary returns the run in a line: its state, its time, how many tests are in
// which state, and its title.
func (r *Run) Summary() string {
	details := []string{fmt.Sprintf("%.1f s", r.Seconds)}
	if tally := r.tally(); tally != "" {
		details = append(details, tally)
	}
	text := fmt.Sprintf("%s (%s)", r.State, strings.Join(details, "; "))
	if r.Title != "" {
		text += ": " + r.Title
	}
	return text
}

// Outcome returns Summary's text without the state and the time.
func (r *Run) Outcome() string {
	var parts []string
	for _, part := range []string{r.tally(), r.Title} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, ": ")
}

// tally returns how many tests are in which state.
func (r *Run) tally() string {
	n := r.Counts()
	var words []string
	for _, state := range States {
		if n[state] > 0 {
			words = append(words, fmt.Sprintf("%d %s", n[state], state.OfTests()))
		}
	}
	if r.Unlisted > 0 {
		words = append(words, fmt.Sprintf("%d not listed", r.Unlisted))
	}
	return strings.Join(words, ", ")
}

// OfTests returns the state as a verb whose subject is a number of tests.
func (s State) OfTests() string {
	switch s {
	case Fault:
		return "ended in a fault"
	case Broken:
		return "did not end"
	}
	return string(s)
}

// Limits of an explanation, in bytes.
const (
	explanationLimit = 64 << 10
	excerptLimit     = 16 << 10 // of one output in it
)

// Explanation returns why a run did not pass: the kernel's or the compiler's
// messages, the output of the tests that did not pass, and the advice.
func (r *Run) Explanation() string {
	return r.Evidence(explanationLimit) + endOf(r.Advice, excerptLimit)
}

// Evidence returns an explanation without the advice, of at most limit bytes and a
// line that counts the tests left out. If a machine died, the fault report is often
// not in Raw but in the output of a test.
func (r *Run) Evidence(limit int) string {
	var b strings.Builder
	b.WriteString(endOf(r.Raw, min(excerptLimit, limit)))
	leftOut := 0
	for _, state := range []State{Fault, Failed, Broken} {
		for _, test := range r.Tests {
			if test.State != state {
				continue
			}
			head := fmt.Sprintf("--- %s: %s\n", test.Name, test.State.OfTests())
			room := min(excerptLimit, limit-b.Len()-len(head))
			if room < 0 {
				leftOut++
				continue
			}
			b.WriteString(head + test.Excerpt(room))
		}
	}
	if leftOut > 0 {
		fmt.Fprintf(&b, "[… left out here: %s that did not pass …]\n", Count(leftOut, "test"))
	}
	if b.Len() == 0 {
		b.WriteString(endOf(r.Output, min(excerptLimit, limit)))
	}
	return b.String()
}

// FaultPrefix begins the line in a test's output above a fault report, after any
// indentation.
const FaultPrefix = "kernel fault ("

// Excerpt returns at most n bytes of the test's output: from the fault report
// on if there is one and the output is longer, else its end.
func (t *Test) Excerpt(n int) string {
	if len(t.Output) <= n || t.State != Fault {
		return endOf(t.Output, n)
	}
	at := strings.Index(t.Output, FaultPrefix)
	if at < 0 || len(t.Output)-at <= n {
		return endOf(t.Output, n)
	}
	const note = "[…]\n"
	if n < 2*len(note) {
		return ""
	}
	text := beginOf(t.Output[at:], n-2*len(note))
	return note + text[:strings.LastIndexByte(text, '\n')+1] + note
}

// endOf returns the last lines of a text, at most n bytes of them, and with an
// end of line.
func endOf(text string, n int) string {
	const note = "[…]\n"
	text = strings.TrimRight(text, "\n")
	if text == "" {
		return ""
	}
	if len(text) < n {
		return text + "\n"
	}
	if n <= len(note)+1 {
		return ""
	}
	rest := text[len(text)-(n-len(note)-1):]
	if _, lines, ok := strings.Cut(rest, "\n"); ok {
		rest = lines
	}
	return note + strings.ToValidUTF8(rest, "") + "\n"
}
