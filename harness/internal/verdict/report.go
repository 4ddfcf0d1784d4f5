package verdict

import (
	"encoding/json"
	"os"
	"strings"
)

// ReportVersion goes up when a field of a Report changes its meaning.
const ReportVersion = 1

// Report is how a run ended, for programs: the JSON object that a run writes to
// the file that KMODTEST_VERDICT names. docs/architecture.md describes it.
type Report struct {
	Version int    `json:"version"`
	Status  int    `json:"status"` // exit status
	Kind    string `json:"kind"`   // as Kind.String returns it; "" for a run that passed
	Stage   Stage  `json:"stage"`
	Title   string `json:"title"`
	Advice  string `json:"advice"`
	Raw     string `json:"raw"`
	Platform
	Phases []Phase `json:"phases"`
}

// Platform is what the tests ran on.
type Platform struct {
	Release string `json:"release"` // of the kernel, as uname -r prints it
	Package string `json:"package"` // version of the kernel's package; "" if it comes from none
	Arch    string `json:"arch"`    // of the kernel, as GOARCH
	Accel   string `json:"accel"`
}

// Phase is a part of the run of the first machine.
type Phase struct {
	Name    string  `json:"name"`
	Start   float64 `json:"start"`   // seconds since the test binary was started
	Seconds float64 `json:"seconds"` // how long it took
}

// NewReport returns the report of a run. err is why it did not pass.
func NewReport(err error, platform Platform, phases []Phase) Report {
	r := Report{Version: ReportVersion, Platform: platform, Phases: append([]Phase{}, phases...)}
	if err != nil {
		f := AsFailure(err)
		r.Status, r.Kind, r.Stage, r.Advice, r.Raw = f.Status, f.Kind.String(), f.Stage, f.Advice, f.Raw
		r.Title = strings.TrimPrefix(f.Error(), r.Kind+": ")
	}
	return r
}

// Write writes the report to a file.
func (r Report) Write(path string) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(b, '\n'), 0o644)
}
