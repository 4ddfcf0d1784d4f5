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

// redrawn is how often a live table is drawn anew.
const redrawn = 250 * time.Millisecond

// Table is a live table on a terminal: a row for each run, and above it what
// there is to say of each that ended badly. When it is closed, the table is
// taken away.
type Table struct {
	terminal *os.File
	colours  bool
	started  time.Time
	quit     chan struct{}
	drawing  sync.WaitGroup

	mu       sync.Mutex // for all below
	machines int
	rows     []*row
	above    strings.Builder // is to be printed above the table
	drawn    int             // lines of the table that are on the terminal
}

// NewTable returns a viewer for a terminal.
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

// say puts lines above the table.
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

// Started begins a row's time.
func (t *Table) Started(job *Job) {
	t.change(job, func(r *row) { r.started, r.planned = time.Now(), job.planned })
}

// Note shows what is being done before the tests.
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

// Finished ends a row, and prints above all what there is to say of a bad one.
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

// Close takes the table away.
func (t *Table) Close() {
	close(t.quit)
	t.drawing.Wait()
	t.mu.Lock()
	t.rows = nil
	t.mu.Unlock()
	t.draw()
}

// Sequences of a terminal.
const (
	lineUp    = "\x1b[%dA" // by that many
	clearLine = "\x1b[K"   // from the cursor on
	clearRest = "\x1b[J"   // all lines below, too
)

// draw replaces what the terminal has of the table. Lines are overwritten, not
// cleared first: that would flicker.
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
	_, _ = t.terminal.WriteString(b.String()) // nobody is left to tell if that fails
}

// lines is the table as it fits into a terminal: a head, and the rows. If there
// are too many of them, those that are over give way first, then those that wait.
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

// head tells how far the whole is.
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
		text += fmt.Sprintf("; %d rows more than fit here", hidden)
	}
	return text
}

// clock is a time in minutes and seconds.
func clock(d time.Duration) string {
	return fmt.Sprintf("%d:%02d", int(d.Minutes()), int(d.Seconds())%60)
}
