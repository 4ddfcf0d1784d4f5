package matrix

import (
	"fmt"
	"strings"
	"time"

	"github.com/kmodtest/kmodtest/harness/internal/report"
)

// row is a run in a live table.
type row struct {
	job     *Job
	started time.Time   // zero until it has started
	planned int         // tests; 0 if unknown
	now     string      // the test that began last, or a message of the harness
	good    int         // tests that passed or were skipped
	bad     int         // other tests that ended
	run     *report.Run // nil until it has ended
}

// colourOf maps a state to the number of its colour in an escape sequence.
var colourOf = map[string]string{
	"running": "36", string(report.Passed): "32", string(report.Failed): "31", string(report.Broken): "33", string(report.Fault): "35",
}

// rank returns the place of the row's state in a table that is too long: running,
// bad, waiting, good.
func (r *row) rank() int {
	switch {
	case r.run == nil && !r.started.IsZero():
		return 0
	case r.run != nil && r.run.State.Bad():
		return 1
	case r.run == nil:
		return 2
	}
	return 3
}

// line returns the row as a line of at most the given width.
func (r *row) line(begin string, width int, colours bool) string {
	state, took, rest := "waiting", "", ""
	switch {
	case r.run != nil:
		state, took, rest = string(r.run.State), clock(time.Duration(r.run.Seconds*float64(time.Second))), r.run.Outcome()
	case !r.started.IsZero():
		state, took, rest = "running", clock(time.Since(r.started)), r.progress()
	}
	text := []rune(truncate(fmt.Sprintf("%s%-7s  %5s  %s", begin, state, took, rest), width))
	colour, from := colourOf[state], len([]rune(begin))
	to := from + len(state)
	if !colours || colour == "" || to > len(text) {
		return strings.TrimRight(string(text), " ")
	}
	return string(text[:from]) + "\x1b[" + colour + "m" + string(text[from:to]) + "\x1b[m" + string(text[to:])
}

// barWidth is the width of a run's progress bar, in characters.
const barWidth = 16

// progress returns a progress bar if the number of tests is known, the number of
// tests that have ended, and what the run does now.
func (r *row) progress() string {
	done := r.good + r.bad
	text := ""
	if r.planned > 0 {
		full := barWidth * min(done, r.planned) / r.planned
		text = strings.Repeat("█", full) + strings.Repeat("░", barWidth-full) + fmt.Sprintf("  %d/%d", done, max(done, r.planned))
	} else if done > 0 {
		text = fmt.Sprintf("%d done", done)
	}
	if r.bad > 0 {
		text += fmt.Sprintf(", %d failed", r.bad)
	}
	return strings.TrimSpace(text + "  " + r.now)
}

// truncate cuts a text to a width, in characters, and shows that it is cut.
func truncate(text string, width int) string {
	runes := []rune(text)
	if len(runes) <= width {
		return text
	}
	return string(runes[:max(width-1, 0)]) + "…"
}
