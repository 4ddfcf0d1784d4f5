package host

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// trace remembers how long the phases of a run took. Its methods may be called
// from several goroutines.
type trace struct {
	start time.Time

	mu     sync.Mutex
	phases []phase
}

type phase struct {
	lane       int // of the machine: 0 is the run's first or only one
	name       string
	start, end time.Duration // since the trace's start
}

func newTrace(start time.Time) *trace { return &trace{start: start} }

// lane is the part of a trace that belongs to a machine.
type lane struct {
	trace  *trace
	number int
}

func (t *trace) lane(number int) lane { return lane{t, number} }

// phase begins a phase; what it returns ends it.
func (l lane) phase(name string) func() {
	p := phase{lane: l.number, name: name, start: time.Since(l.trace.start)}
	return func() {
		p.end = time.Since(l.trace.start)
		l.trace.mu.Lock()
		defer l.trace.mu.Unlock()
		l.trace.phases = append(l.trace.phases, p)
	}
}

// sorted returns the phases in the order of their beginnings.
func (t *trace) sorted() []phase {
	t.mu.Lock()
	defer t.mu.Unlock()
	phases := slices.Clone(t.phases)
	slices.SortStableFunc(phases, func(a, b phase) int { return int(a.start - b.start) })
	return phases
}

// String returns the phases of the first machine in a line.
func (t *trace) String() string {
	var parts []string
	for _, p := range t.sorted() {
		if p.lane == 0 {
			parts = append(parts, fmt.Sprintf("%s %.3f s", p.name, (p.end-p.start).Seconds()))
		}
	}
	return strings.Join(parts, ", ")
}

// chromeEvent is an event of the format that chrome://tracing and Perfetto
// read: "X" is one with a beginning and an end, in microseconds.
type chromeEvent struct {
	Name     string `json:"name"`
	Phase    string `json:"ph"`
	Start    int64  `json:"ts"`
	Duration int64  `json:"dur"`
	PID      int    `json:"pid"`
	TID      int    `json:"tid"`
}

// write writes the phases to a file, as a Chrome trace with a thread for each
// machine.
func (t *trace) write(path string) error {
	events := []chromeEvent{}
	for _, p := range t.sorted() {
		events = append(events, chromeEvent{
			Name: p.name, Phase: "X", Start: p.start.Microseconds(), Duration: (p.end - p.start).Microseconds(),
			PID: os.Getpid(), TID: p.lane,
		})
	}
	b, err := json.Marshal(map[string]any{"traceEvents": events})
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(b, '\n'), 0o644)
}

// show prints or writes the phases where KMODTEST_TRACE asks for them.
func (t *trace) show(r *run) error {
	switch r.env.Trace {
	case "":
		return nil
	case "1":
		r.say("%v", t)
		return nil
	}
	if err := t.write(r.env.Trace); err != nil {
		return failf(HostBroke, err, "write the phases of the run, as KMODTEST_TRACE asks")
	}
	return nil
}
