package matrix

import (
	"cmp"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/kmodtest/kmodtest/harness/internal/report"
)

// redrawn is the time between two drawings of a live table.
const redrawn = 250 * time.Millisecond

// Table is a viewer that shows a live table on a terminal: a row for each run,
// and above the table the explanation of each run that did not pass. Close removes
// the table. NewTable makes one.
type Table struct {
	terminal *os.File
	colours  bool
	started  time.Time
	quit     chan struct{}
	drawing  sync.WaitGroup

	mu       sync.Mutex // protects the fields below
	machines int
	rows     []*row
	above    strings.Builder // text to print above the table
	drawn    int             // lines of the table on the terminal
}

// NewTable returns a table on a terminal and begins to draw it.
func NewTable(terminal *os.File, colours bool) *Table {
	t := &Table{terminal: terminal, colours: colours, started: time.Now(), quit: make(chan struct{})}
	t.drawing.Go(func() {
		ticker := time.NewTicker(redrawn)
		defer ticker.Stop()
		for {
			select {
			case <-t.quit:
				return
			case <-ticker.C:
				t.draw()
			}
		}
	})
	return t
}

// LeftOut prints why a package is not run.
func (t *Table) LeftOut(pkg, why string) { t.say("%s is left out: %s", pkg, why) }

// say prints lines above the table.
func (t *Table) say(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	fmt.Fprintf(&t.above, format+"\n", args...)
}

// Plan makes the rows.
func (t *Table) Plan(jobs []*Job, machines int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.machines = machines
	for _, job := range jobs {
		t.rows = append(t.rows, &row{job: job})
	}
}

// Started starts the clock of a row.
func (t *Table) Started(job *Job) {
	t.change(job, func(r *row) { r.started, r.planned = time.Now(), job.planned })
}

// Note shows what a run does before its tests.
func (t *Table) Note(job *Job, text string) { t.change(job, func(r *row) { r.now = text }) }

// Test counts a test.
func (t *Table) Test(job *Job, test report.Test) {
	t.change(job, func(r *row) {
		switch {
		case test.State == report.NotRun:
			r.now = test.Name
		case strings.Contains(test.Name, "/"):
		case test.State.Bad():
			r.bad++
		default:
			r.good++
		}
	})
}

// Finished shows the result in the row. If the run did not pass, Finished prints
// the explanation above the table.
func (t *Table) Finished(job *Job, run *report.Run) {
	if run.State.Bad() {
		t.say("%s", strings.TrimRight(job.Name()+": "+run.Summary()+"\n"+run.Explanation(), "\n"))
	}
	t.change(job, func(r *row) { r.run = run })
}

func (t *Table) change(job *Job, f func(*row)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f(t.rows[slices.IndexFunc(t.rows, func(r *row) bool { return r.job == job })])
}

// Close removes the table.
func (t *Table) Close() {
	close(t.quit)
	t.drawing.Wait()
	t.mu.Lock()
	t.rows = nil
	t.mu.Unlock()
	t.draw()
}

// Escape sequences of a terminal.
const (
	lineUp    = "\x1b[%dA" // by that many
	clearLine = "\x1b[K"   // from the cursor on
	clearRest = "\x1b[J"   // all lines below, too
)

// draw replaces the table on the terminal. It overwrites lines instead of
// clearing them first, which would flicker.
func (t *Table) draw() {
	width, height, err := term.GetSize(int(t.terminal.Fd()))
	if err != nil || width == 0 {
		width, height = 80, 24
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	var b strings.Builder
	if t.drawn > 0 {
		fmt.Fprintf(&b, lineUp, t.drawn)
	}
	for line := range strings.Lines(t.above.String()) {
		b.WriteString(strings.TrimRight(line, "\n") + clearLine + "\n")
	}
	t.above.Reset()
	lines := t.lines(width, height)
	for _, line := range lines {
		b.WriteString(line + clearLine + "\n")
	}
	if len(lines) < t.drawn {
		b.WriteString(clearRest)
	}
	t.drawn = len(lines)
	_, _ = t.terminal.WriteString(b.String()) // there is no other place to report an error
}

// lines returns the table as it fits into a terminal: a head, and the rows. If
// there are too many rows, those of runs that passed are left out first, then
// those of waiting runs.
func (t *Table) lines(width, height int) []string {
	if len(t.rows) == 0 {
		return nil
	}
	shown := slices.Clone(t.rows)
	if most := max(height-3, 1); len(shown) > most {
		slices.SortStableFunc(shown, func(a, b *row) int { return cmp.Compare(a.rank(), b.rank()) })
		shown = shown[:most]
	}
	kernels, packages := 0, 0
	for _, r := range t.rows {
		kernel, pkg := r.job.names()
		kernels, packages = max(kernels, len([]rune(kernel))), max(packages, len([]rune(pkg)))
	}
	lines := []string{truncate(t.head(len(shown)), width)}
	for _, r := range shown {
		kernel, pkg := r.job.names()
		begin := fmt.Sprintf("%-*s  %-*s  ", kernels, kernel, packages, pkg)
		lines = append(lines, r.line(begin, width, t.colours))
	}
	return lines
}

// head returns the line that shows the progress of the whole matrix.
func (t *Table) head(shown int) string {
	var done, running, bad int
	for _, r := range t.rows {
		switch {
		case r.run != nil:
			done++
			if r.run.State.Bad() {
				bad++
			}
		case !r.started.IsZero():
			running++
		}
	}
	text := fmt.Sprintf("%d of %d runs done, %d bad; %d running, %d at most; %s",
		done, len(t.rows), bad, running, t.machines, clock(time.Since(t.started)))
	if hidden := len(t.rows) - shown; hidden > 0 {
		text += fmt.Sprintf("; %d more rows do not fit here", hidden)
	}
	return text
}

// clock formats a duration in minutes and seconds.
func clock(d time.Duration) string {
	return fmt.Sprintf("%d:%02d", int(d.Minutes()), int(d.Seconds())%60)
}
