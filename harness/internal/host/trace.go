package host

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"
)

// trace remembers how long the phases of a run took. Its methods are called by
// one goroutine.
type trace struct {
	start  time.Time
	phases []phase
}

type phase struct {
	name       string
	start, end time.Duration // since the trace's start
}

func newTrace(start time.Time) *trace { return &trace{start: start} }

// phase begins a phase; what it returns ends it.
func (t *trace) phase(name string) func() {
	i := len(t.phases)
	t.phases = append(t.phases, phase{name: name, start: time.Since(t.start)})
	return func() { t.phases[i].end = time.Since(t.start) }
}

// String returns the phases in a line.
func (t *trace) String() string {
	var parts []string
	for _, p := range t.phases {
		parts = append(parts, fmt.Sprintf("%s %.3f s", p.name, (p.end-p.start).Seconds()))
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

// write writes the phases to a file, as a Chrome trace.
func (t *trace) write(path string) error {
	events := []chromeEvent{}
	for _, p := range t.phases {
		events = append(events, chromeEvent{
			Name: p.name, Phase: "X", Start: p.start.Microseconds(), Duration: (p.end - p.start).Microseconds(),
			PID: os.Getpid(), TID: 1,
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
