package matrix

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/kmodtest/kmodtest/harness/internal/report"
)

// Table is a live table on a terminal: a row for each run, and above it a line
// for each that ended badly.
type Table struct {
	bars *mpb.Progress
	mu   sync.Mutex // for all rows
	rows map[*Job]*row
}

// row is what is known of a run while it goes on.
type row struct {
	bar     *mpb.Bar
	started time.Time
	test    string // that began last
	passed  int
	bad     int
	run     *report.Run // nil until it has ended
}

// NewTable returns a viewer for a terminal.
func NewTable(terminal *os.File) *Table {
	return &Table{bars: mpb.New(mpb.WithOutput(terminal), mpb.WithRefreshRate(250*time.Millisecond)), rows: map[*Job]*row{}}
}

func (t *Table) above(format string, args ...any) {
	_, _ = fmt.Fprintf(t.bars, format+"\n", args...) // nobody is left to tell if that fails
}

// LeftOut prints why a package is not run.
func (t *Table) LeftOut(pkg, why string) { t.above("%s is left out: %s", pkg, why) }

// Plan makes the rows.
func (t *Table) Plan(jobs []*Job, _ int) {
	width := 0
	for _, job := range jobs {
		width = max(width, len(job.Name()))
	}
	for _, job := range jobs {
		r := &row{}
		text := func(decor.Statistics) string {
			t.mu.Lock()
			defer t.mu.Unlock()
			return fmt.Sprintf("%-*s  %s", width, job.Name(), r)
		}
		t.rows[job] = r
		r.bar = t.bars.New(1, mpb.NopStyle(), mpb.PrependDecorators(decor.Any(text)))
	}
}

// String is the row without the run's name.
func (r *row) String() string {
	if r.run != nil {
		return r.run.Summary()
	}
	if r.started.IsZero() {
		return "waits"
	}
	now := "prepares"
	if r.test != "" {
		now = fmt.Sprintf("%d passed", r.passed)
		if r.bad > 0 {
			now += fmt.Sprintf(", %d failed", r.bad)
		}
		now += ", in " + r.test
	}
	return fmt.Sprintf("%4.0f s  %s", time.Since(r.started).Seconds(), now)
}

// Started begins a row's time.
func (t *Table) Started(job *Job) { t.change(job, func(r *row) { r.started = time.Now() }) }

// Test counts a test.
func (t *Table) Test(job *Job, test report.Test) {
	t.change(job, func(r *row) {
		switch {
		case test.State == report.NotRun:
			r.test = test.Name
		case strings.Contains(test.Name, "/"):
		case test.State.Bad():
			r.bad++
		default:
			r.passed++
		}
	})
}

// Finished ends a row, and prints above all what there is to say of a bad one.
func (t *Table) Finished(job *Job, run *report.Run) {
	if run.State.Bad() {
		t.above("%s: %s\n%s", job.Name(), run.Summary(), strings.TrimRight(run.Explanation(), "\n"))
	}
	t.change(job, func(r *row) { r.run = run })
	t.rows[job].bar.SetCurrent(1)
}

func (t *Table) change(job *Job, f func(*row)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f(t.rows[job])
}

// Close leaves the table as it is.
func (t *Table) Close() {
	for _, r := range t.rows {
		r.bar.Abort(false)
	}
	t.bars.Wait()
}
