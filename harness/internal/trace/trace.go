// Package trace records how long the phases of a run take.
package trace

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// Trace records the phases of one run. Its methods may be called by several
// goroutines at once.
type Trace struct {
	start time.Time

	mu     sync.Mutex
	phases []Phase
}

// Phase is a named part of a run.
type Phase struct {
	Thread     int // number of the thread
	Name       string
	Start, End time.Duration // since the start of the trace
}

// New returns a trace whose times count from start.
func New(start time.Time) *Trace { return &Trace{start: start} }

// Thread records the phases of one machine at a time. The run's first or only
// machine has number 0.
type Thread struct {
	trace  *Trace
	number int
}

// Thread returns the thread with that number.
func (t *Trace) Thread(number int) Thread { return Thread{t, number} }

// Phase begins a phase and returns the function that ends it.
func (th Thread) Phase(name string) (end func()) {
	p := Phase{Thread: th.number, Name: name, Start: time.Since(th.trace.start)}
	return func() {
		p.End = time.Since(th.trace.start)
		th.trace.mu.Lock()
		defer th.trace.mu.Unlock()
		th.trace.phases = append(th.trace.phases, p)
	}
}

// Phases returns the phases that have ended, in the order of their beginnings.
func (t *Trace) Phases() []Phase {
	t.mu.Lock()
	defer t.mu.Unlock()
	phases := slices.Clone(t.phases)
	slices.SortStableFunc(phases, func(a, b Phase) int { return int(a.Start - b.Start) })
	return phases
}

// String returns the phases of thread 0 in one line.
func (t *Trace) String() string {
	var parts []string
	for _, p := range t.Phases() {
		if p.Thread == 0 {
			parts = append(parts, fmt.Sprintf("%s %.3f s", p.Name, (p.End-p.Start).Seconds()))
		}
	}
	return strings.Join(parts, ", ")
}

// event is a complete event ("X") of the Trace Event Format, which Perfetto and
// chrome://tracing read. Times are in microseconds.
type event struct {
	Name     string `json:"name"`
	Phase    string `json:"ph"`
	Start    int64  `json:"ts"`
	Duration int64  `json:"dur"`
	PID      int    `json:"pid"`
	TID      int    `json:"tid"`
}

// Write writes the phases to a file in the Trace Event Format.
func (t *Trace) Write(path string) error {
	events := []event{}
	for _, p := range t.Phases() {
		events = append(events, event{
			Name: p.Name, Phase: "X", Start: p.Start.Microseconds(), Duration: (p.End - p.Start).Microseconds(),
			PID: os.Getpid(), TID: p.Thread,
		})
	}
	b, err := json.Marshal(map[string]any{"traceEvents": events})
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(b, '\n'), 0o644)
}
