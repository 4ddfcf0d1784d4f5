package matrix

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/kmodtest/kmodtest/harness/internal/report"
)

// verdictVersion is the version of the file that a test binary writes to the
// path in KMODTEST_VERDICT.
const verdictVersion = 1

// verdict is how a test binary judges its run.
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

// Failure kinds. There are others, which all mean report.Broken.
const (
	kindPassed      = ""
	kindTestFailed  = "test failed"
	kindKernelFault = "kernel fault"
	kindHostBroke   = "host side broke"
)

// stateOfKind maps a failure kind to the state of the run.
var stateOfKind = map[string]report.State{
	kindPassed:      report.Passed,
	kindTestFailed:  report.Failed,
	kindKernelFault: report.Fault,
}

// state returns the state of the run. A run passed only if its exit status is 0.
func (v *verdict) state(status int) report.State {
	state, ok := stateOfKind[v.Kind]
	if !ok || state == report.Passed && status != 0 {
		return report.Broken
	}
	return state
}

// readVerdict reads the verdict of a test binary that ended with that status. A
// run without a verdict has not passed: it was killed, or its tests did not run in
// a machine.
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
		err = fmt.Errorf("its version is %d; this kmodtest reads version %d", v.Version, verdictVersion)
	}
	if err != nil {
		return verdict{Kind: kindHostBroke, Title: fmt.Sprintf("read the verdict of the test binary: %v", err)}
	}
	return v
}

func withoutVerdict(status int) verdict {
	v := verdict{Kind: kindHostBroke, Title: "the test binary was killed before it wrote its verdict"}
	switch {
	case status == 0:
		v.Title = "the test binary ended without a verdict"
		v.Advice = "check that its TestMain calls harness.Main, and that its module requires the same version of kmodtest as this command"
	case status > 0:
		v.Title = fmt.Sprintf("the test binary ended with exit status %d and without a verdict", status)
		v.Advice = "see its output"
	}
	return v
}
