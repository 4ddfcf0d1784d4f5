package host

import (
	"encoding/json"
	"os"
	"strings"
)

// reportVersion goes up when a field of a report changes its meaning.
const reportVersion = 1

// report is how a run ended, for programs. docs/architecture.md describes it.
type report struct {
	Version int    `json:"version"`
	Status  int    `json:"status"` // the exit status
	Kind    string `json:"kind"`   // "" for a run that passed, else as of Kind.String
	Stage   Stage  `json:"stage"`
	Title   string `json:"title"`
	Advice  string `json:"advice"`
	Raw     string `json:"raw"`
	platform
	Phases []reportedPhase `json:"phases"`
}

type reportedPhase struct {
	Name    string  `json:"name"`
	Start   float64 `json:"start"`   // in seconds since the test binary was started
	Seconds float64 `json:"seconds"` // how long it took
}

// report writes how the run ended to where KMODTEST_VERDICT says. err is why it
// did not pass.
func (r *run) report(err error) error {
	if r.env.Verdict == "" {
		return nil
	}
	out := report{Version: reportVersion, platform: r.platform, Phases: []reportedPhase{}}
	if err != nil {
		f := asFailure(err)
		out.Status, out.Kind, out.Stage, out.Advice, out.Raw = f.Status, f.Kind.String(), f.Stage, f.Advice, f.Raw
		out.Title = strings.TrimPrefix(f.Error(), out.Kind+": ")
	}
	for _, p := range r.trace.sorted() {
		if p.lane == 0 {
			out.Phases = append(out.Phases, reportedPhase{p.name, p.start.Seconds(), (p.end - p.start).Seconds()})
		}
	}
	b, err := json.MarshalIndent(out, "", "  ")
	if err == nil {
		err = os.WriteFile(r.env.Verdict, append(b, '\n'), 0o644)
	}
	if err != nil {
		return failf(HostBroke, err, "write how the run ended, as KMODTEST_VERDICT asks")
	}
	return nil
}
