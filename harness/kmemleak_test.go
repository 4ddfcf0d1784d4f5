//go:build faults

package harness_test

import (
	"regexp"
	"strings"
	"testing"
)

// TestLeakIsFoundAfterUnloading runs tests that pass, one of which leaks, in the kernel debug.
func TestLeakIsFoundAfterUnloading(t *testing.T) {
	for run, want := range map[string]bool{"^TestSilent$": true, "^(TestReload|TestNothing)$": false} {
		c := newCommand(t, []string{"KMODTEST_KERNEL=debug"}, binary(t, "leaky"), "-test.v", "-test.run="+run)
		status := c.status(t)
		out := c.stdout.String() + c.stderr.String()
		if (status != 0) != want {
			t.Errorf("%s: exit status %d\n%s", run, status, out)
		}
		report := regexp.MustCompile(`kernel fault: kmemleak: unreferenced object in leaky_take \[leaky\]`)
		if report.MatchString(out) != want {
			t.Errorf("%s: a report about the leak was expected: %t\n%s", run, want, out)
		}
	}
}

// TestScanThatFailsIsReported runs a test that passes, and takes kmemleak away.
func TestScanThatFailsIsReported(t *testing.T) {
	c := newCommand(t, []string{"KMODTEST_KERNEL=debug"}, binary(t, "leaky"), "-test.v", "-test.run=^TestBlind$")
	status := c.status(t)
	out := c.stdout.String() + c.stderr.String()
	if status == 0 || !strings.Contains(out, "memory that modules leak cannot be found: kmemleak: scan: ") {
		t.Errorf("exit status %d\n%s", status, out)
	}
}
