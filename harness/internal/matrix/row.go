package matrix

import (
	"fmt"
	"strings"
	"time"

	"github.com/kmodtest/kmodtest/harness/internal/report"
)

// row is what a live table knows of a run.
type row struct {
	job     *Job
	started time.Time   // zero until it has
	planned int         // tests; 0 if that is not known
	now     string      // what it does: the test that began last, or a word of the harness
	good    int         // tests that passed or were skipped
	bad     int         // other tests that ended
	run     *report.Run // nil until it has ended
}

// Colours of states, as a terminal takes them.
var colourOf = map[string]string{
	"running": "36", string(report.Passed): "32", string(report.Failed): "31", string(report.Broken): "33", string(report.Fault): "35",
}

// rank is lower for a row that is more worth to be seen.
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

// line is the row as it fits into a width.
func (r *row) line(begin string, width int, colours bool) string {
	state, took, rest := "waits", "", ""
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

// barWidth is how many cells of a terminal the bar of a run takes.
const barWidth = 16

// progress tells how far a run is: a bar if it is known how many tests there
// are, the number of tests that are over, and what it does.
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

// truncate cuts a text so that it fits into a number of cells, and shows that
// it was cut.
func truncate(text string, width int) string {
	runes := []rune(text)
	if len(runes) <= width {
		return text
	}
	return string(runes[:max(width-1, 0)]) + "…"
}
