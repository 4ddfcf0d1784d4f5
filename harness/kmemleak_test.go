//go:build faults

package harness_test

import (
	"regexp"
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
