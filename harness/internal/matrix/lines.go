package matrix

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/kmodtest/kmodtest/harness/internal/report"
)

// Lines is a viewer that prints a line for each event. No line is a command of a CI system: see
// report.Quote. NewLines makes one.
type Lines struct {
	mu    sync.Mutex
	out   io.Writer
	start time.Time
	notes map[string]bool // notes that were printed
}

// NewLines returns a viewer that prints to out.
func NewLines(out io.Writer) *Lines {
	return &Lines{out: out, start: time.Now(), notes: map[string]bool{}}
}

// say prints a line with the seconds since the start. It ignores errors: tests
// are worth running even if nothing can be printed.
func (l *Lines) say(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, _ = fmt.Fprintf(l.out, "%7.1f  %s\n", time.Since(l.start).Seconds(), report.Inert(fmt.Sprintf(format, args...)))
}

// LeftOut prints why a package is not run.
func (l *Lines) LeftOut(pkg, why string) { l.say("%s is left out: %s", pkg, why) }

// Plan prints the number of runs.
func (l *Lines) Plan(jobs []*Job, machines int) {
	l.say("%d runs, %d at once", len(jobs), machines)
}

// Started prints that a run begins.
func (l *Lines) Started(job *Job) { l.say("%s: begins", job.Name()) }

// Note prints what a run is doing, but each text only once: runs often have the
// same.
func (l *Lines) Note(job *Job, text string) {
	l.mu.Lock()
	known := l.notes[text]
	l.notes[text] = true
	l.mu.Unlock()
	if !known {
		l.say("%s: %s", job.Name(), text)
	}
}

// Test prints how a test ended. It prints a subtest only if that did not pass.
func (l *Lines) Test(job *Job, test report.Test) {
	if test.State == report.NotRun || strings.Contains(test.Name, "/") && !test.State.Bad() {
		return
	}
	l.say("%s: %s %s (%.2f s)", job.Name(), test.Name, test.State, test.Seconds)
}

// Finished prints how a run ended, and if it did not pass, the explanation.
func (l *Lines) Finished(job *Job, run *report.Run) {
	l.say("%s: %s", job.Name(), run.Summary())
	if !run.State.Bad() {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	_, _ = fmt.Fprint(l.out, report.Quote(run.Explanation()))
}

// Close does nothing.
func (l *Lines) Close() {}
