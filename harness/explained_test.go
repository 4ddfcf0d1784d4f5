package harness_test

import (
	"regexp"
	"strings"
	"testing"
)

// TestCallsBeforeDeathAreExplained breaks the kernel two calls deep.
func TestCallsBeforeDeathAreExplained(t *testing.T) {
	t.Parallel()
	c := newCommand(t, []string{"KMODTEST_EXPLAIN=1"}, binary(t, "deep"), "-test.v", "-test.run=^Test(Follows|Kernel|Works)$")
	if status := c.status(t); status != 255 {
		t.Errorf("exit status %d, want 255, that of a kernel fault\n%s", status, c.stderr.String())
	}
	out := c.stdout.String()
	if !regexp.MustCompile(`(?m)^ +\d+\.\d{6} cpu [01] \S+-\d+ {3}fput\(file=NULL\)$`).MatchString(out) {
		t.Error("the output lacks the call of a function of the kernel")
	}
	for _, line := range []string{
		`deep_write\(file=0x[0-9a-f]+, user=0x[0-9a-f]+, len=4, pos=0x[0-9a-f]+\)`,
		`  deep_total\(first=0x[0-9a-f]+ \{number=7, next=0x[0-9a-f]+\}, second=NULL, factor=3\)`,
		`    deep_sum\(entry=0x[0-9a-f]+ \{number=7, next=0x[0-9a-f]+\}, factor=3\)`,
		`    deep_sum\(entry=NULL, factor=4\)`,
	} {
		if !regexp.MustCompile(`(?m)^ +\d+\.\d{6} cpu [01] \S+-\d+ ` + line + `$`).MatchString(out) {
			t.Errorf("the output lacks a line %s", line)
		}
	}
	if strings.Count(out, "deep_sum(") != 2 {
		t.Error("there are other calls than those of the subtest that broke the kernel")
	}
	if !strings.Contains(out, "--- PASS: TestFollows/works") {
		t.Error("the subtest before it does not pass")
	}
	if t.Failed() {
		t.Log(out, c.stderr.String())
	}
}

// TestRunThatPassesIsNotExplained counts the machines of a run without a death.
func TestRunThatPassesIsNotExplained(t *testing.T) {
	t.Parallel()
	c := newCommand(t, []string{"KMODTEST_EXPLAIN=1"}, binary(t, "deep"), "-test.v", "-test.run=^TestWorks$")
	if status := c.status(t); status != 0 {
		t.Errorf("exit status %d, want 0\n%s", status, c.stdout.String())
	}
	if strings.Contains(c.stderr.String(), "runs again") {
		t.Errorf("a test runs again:\n%s", c.stderr.String())
	}
}
