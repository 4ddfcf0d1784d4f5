package matrix

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/kmodtest/kmodtest/harness/internal/report"
)

// verdictVersion is that of the file that a test binary writes where
// KMODTEST_VERDICT says.
const verdictVersion = 1

// verdict is what a test binary says of its run.
type verdict struct {
	Version int            `json:"version"`
	Status  int            `json:"status"`
	Kind    string         `json:"kind"`
	Stage   string         `json:"stage"`
	Title   string         `json:"title"`
	Advice  string         `json:"advice"`
	Raw     string         `json:"raw"`
	Release string         `json:"release"`
	Package string         `json:"package"`
	Accel   string         `json:"accel"`
	Phases  []report.Phase `json:"phases"`
}

// Kinds of failures, in the harness's words.
const (
	kindPassed      = ""
	kindTestFailed  = "test failed"
	kindKernelFault = "kernel fault"
	kindHostBroke   = "host side broke"
)

// stateOfKind is what the kinds mean to a report. Any other kind is Broken.
var stateOfKind = map[string]report.State{
	kindPassed:      report.Passed,
	kindTestFailed:  report.Failed,
	kindKernelFault: report.Fault,
}

// state is what the run came to. A pass needs the exit status to agree.
func (v *verdict) state(status int) report.State {
	state, ok := stateOfKind[v.Kind]
	if !ok || state == report.Passed && status != 0 {
		return report.Broken
	}
	return state
}

// readVerdict reads what a test binary that ended with that status has left.
// One that left nothing never passed: it was killed, or it did not run in a
// machine at all.
func readVerdict(path string, status int) verdict {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return withoutVerdict(status)
	}
	var v verdict
	if err == nil {
		err = json.Unmarshal(b, &v)
	}
	if err == nil && v.Version != verdictVersion {
		err = fmt.Errorf("its version is %d, and this kmodtest knows %d only", v.Version, verdictVersion)
	}
	if err != nil {
		return verdict{Kind: kindHostBroke, Title: fmt.Sprintf("the test binary's verdict is not readable: %v", err)}
	}
	return v
}

func withoutVerdict(status int) verdict {
	v := verdict{Kind: kindHostBroke, Title: "the test binary was killed before it had come to a verdict"}
	switch {
	case status == 0:
		v.Title = "the test binary ended without a verdict"
		v.Advice = "its TestMain has to call harness.Main, and the module has to have the same version of kmodtest as this command"
	case status > 0:
		v.Title = fmt.Sprintf("the test binary ended with exit status %d and without a verdict", status)
		v.Advice = "its output says more"
	}
	return v
}
