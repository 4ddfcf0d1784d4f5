package matrix

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/kmodtest/kmodtest/harness/internal/report"
	"github.com/kmodtest/kmodtest/harness/internal/verdict"
)

// stateOfKind maps a failure kind to the state of the run. All other kinds mean
// report.Broken.
var stateOfKind = map[string]report.State{
	"":                            report.Passed,
	verdict.TestFailed.String():   report.Failed,
	verdict.KernelFault.String():  report.Fault,
	verdict.NotForKernel.String(): report.NotApplicable,
}

// state returns the state of a run that ended with that status. It passed only if
// the status is 0.
func state(v verdict.Report, status int) report.State {
	state, ok := stateOfKind[v.Kind]
	if !ok || state == report.Passed && status != 0 {
		return report.Broken
	}
	return state
}

// readVerdict reads the verdict of a test binary that ended with that status. A
// run without a verdict has not passed: it was killed, or its tests did not run in
// a machine.
func readVerdict(path string, status int) verdict.Report {
	b, err := readLimited(path)
	if errors.Is(err, fs.ErrNotExist) {
		return withoutVerdict(status)
	}
	var v verdict.Report
	if err == nil {
		err = json.Unmarshal(b, &v)
	}
	if err == nil && v.Version != verdict.ReportVersion {
		err = fmt.Errorf("its version is %d; this kmodtest reads version %d", v.Version, verdict.ReportVersion)
	}
	if err != nil {
		return broken(fmt.Sprintf("read the verdict of the test binary: %v", err))
	}
	return v
}

// maxVerdict is how many bytes a verdict may have: a kernel's report and a
// compiler's messages have far fewer.
const maxVerdict = 64 << 20

func readLimited(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxVerdict+1))
	if err == nil && len(b) > maxVerdict {
		err = fmt.Errorf("it has more than %d bytes", maxVerdict)
	}
	return b, err
}

// broken returns the verdict on a run that shows nothing about the module.
func broken(title string) verdict.Report {
	return verdict.Report{Kind: verdict.HostBroke.String(), Title: title}
}

func withoutVerdict(status int) verdict.Report {
	v := broken("the test binary was killed before it wrote its verdict")
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
