package report

import (
	"fmt"
	"strings"
)

// Summary is the run in a line: what became of it, its tests, and its time.
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

// Outcome is what a summary says beside the state and the time.
func (r *Run) Outcome() string {
	var parts []string
	for _, part := range []string{r.tally(), r.Title} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, ": ")
}

// tally says how many tests are in which state.
func (r *Run) tally() string {
	n := r.Counts()
	var words []string
	for _, state := range States {
		if n[state] > 0 {
			words = append(words, fmt.Sprintf("%d %s", n[state], state.OfTests()))
		}
	}
	return strings.Join(words, ", ")
}

// OfTests is the state as it stands after a number of tests.
func (s State) OfTests() string {
	switch s {
	case Fault:
		return "ended in a fault"
	case Broken:
		return "broke off"
	}
	return string(s)
}

// explanationLimit is how many bytes of a text an explanation has.
const explanationLimit = 16 << 10

// Explanation is what there is to say of a bad run beside its summary: the
// output of the tests that failed, the words of the compiler or the kernel, and
// else those of the run.
func (r *Run) Explanation() string {
	var b strings.Builder
	for _, test := range r.Tests {
		switch {
		case test.State == Failed && test.Output != "":
			fmt.Fprintf(&b, "--- %s: %s\n%s", test.Name, test.State, endOf(test.Output))
		case test.State.Worse(Failed) || test.State == Broken:
			fmt.Fprintf(&b, "--- %s: %s\n", test.Name, test.State.OfTests())
		}
	}
	b.WriteString(endOf(r.Raw))
	if b.Len() == 0 {
		b.WriteString(endOf(r.Output))
	}
	b.WriteString(endOf(r.Advice))
	return b.String()
}

// endOf returns the last lines of a text, up to explanationLimit bytes, and
// with an end of line.
func endOf(text string) string {
	text = strings.TrimRight(text, "\n")
	if over := len(text) - explanationLimit; over > 0 {
		_, rest, _ := strings.Cut(text[over:], "\n")
		text = "[…]\n" + rest
	}
	if text == "" {
		return ""
	}
	return text + "\n"
}
