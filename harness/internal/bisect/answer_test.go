package bisect

import (
	"strings"
	"testing"

	"github.com/kmodtest/kmodtest/harness/internal/matrix"
	"github.com/kmodtest/kmodtest/harness/internal/report"
)

// Runs that end in all ways.
var (
	ran         = []report.Test{{Name: "TestIt", State: report.Passed}}
	passed      = report.Run{State: report.Passed, Tests: ran}
	nothing     = report.Run{State: report.Passed}
	skippedTest = report.Run{State: report.Passed, Tests: []report.Test{{Name: "TestIt", State: report.Skipped}}}
	unbuilt     = report.Run{State: report.Failed, Stage: "build", Kind: "test failed", Title: "module kmod does not build"}
	uncompiled  = report.Run{State: report.Failed, Stage: "build", Kind: "test failed", Title: matrix.Uncompiled}
	unloaded    = report.Run{State: report.Failed, Stage: "load", Kind: "test failed", Title: "module kmod does not load"}
	failed      = report.Run{State: report.Failed, Stage: "tests", Kind: "test failed", Title: "TestIt failed", Tests: ran}
	faulty      = report.Run{State: report.Fault, Kind: "kernel fault", Title: "WARNING in f", Tests: ran}
	kept        = report.Run{State: report.Failed, Stage: "checks", Kind: "test failed", Title: "module kmod does not unload", Tests: ran}
	lost        = report.Run{State: report.Broken, Stage: "tests", Kind: "guest down", Title: "no sign of life"}
	noKernel    = report.Run{State: report.Broken, Stage: "kernel", Kind: "host side broke", Title: "no such kernel"}
	excluded    = report.Run{State: report.NotApplicable, Kind: "not applicable", Title: "dkms.conf:3"}
)

func TestAnswerDependsOnHowBadEndFails(t *testing.T) {
	for _, c := range []struct {
		name string
		bad  report.Run
		run  report.Run
		want Answer
	}{
		{"passed", failed, passed, Good},
		{"failed", failed, failed, Bad},
		{"a fault instead of a failure", failed, faulty, Bad},
		{"a failure of the checks instead of the tests", failed, kept, Bad},
		{"no build, and the test fails at the end", failed, unbuilt, Skip},
		{"no load, and the test fails at the end", failed, unloaded, Skip},
		{"the tests do not compile", failed, uncompiled, Skip},
		{"no such test", failed, nothing, Skip},
		{"a test that is skipped", failed, skippedTest, Skip},
		{"excluded", failed, excluded, Skip},
		{"lost", failed, lost, Skip},
		{"no kernel", failed, noKernel, Skip},
		{"lost as at the end", lost, lost, Bad},
		{"failed, and lost at the end", lost, failed, Bad},
		{"no build at the end, either", unbuilt, unbuilt, Bad},
		{"no build at the end, and here it fails later", unbuilt, failed, Good},
		{"no build at the end, and here it passed", unbuilt, passed, Good},
		{"no load at the end, and no build here", unloaded, unbuilt, Skip},
		{"no load at the end, and here it fails later", unloaded, faulty, Good},
	} {
		s, err := symptomOf(&c.bad)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if got, why := judge(&c.run, s); got != c.want || why == "" {
			t.Errorf("%s: %s (%q), want %s and a reason", c.name, got, why, c.want)
		}
	}
}

func TestBadEndMustBeBad(t *testing.T) {
	for _, c := range []struct {
		run  report.Run
		want string
	}{
		{passed, "the test passes"},
		{nothing, "no test of that name"},
		{skippedTest, "no test of that name"},
		{uncompiled, "do not compile"},
		{noKernel, "no such kernel"},
		{excluded, "dkms.conf:3"},
	} {
		if _, err := symptomOf(&c.run); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.run.Title, err, c.want)
		}
	}
}
