package harness_test

import (
	"strings"
	"testing"
)

// Text that looks like a kernel fault is not one if user space wrote it: to
// standard output or error, to the console, or to the kernel log.
func TestForgedFaultsFoolNobody(t *testing.T) {
	t.Parallel()
	c := newCommand(t, nil, binary(t, "forged"), "-test.v")
	if status := c.status(t); status != 0 || !strings.HasSuffix(c.stdout.String(), "\nPASS\n") {
		t.Errorf("exit status %d, want 0 and PASS\n%s%s", status, &c.stdout, &c.stderr)
	}
}

// A test is skipped in a further machine only if it has run: what tests print does not
// count.
func TestForgedResultsFoolNobody(t *testing.T) {
	t.Parallel()
	c := newCommand(t, nil, binary(t, "forgedresults"), "-test.v", "-test.run=TestAnnouncesPass|TestFails")
	status := c.status(t)
	out := c.stdout.String()
	if status != 1 || !strings.Contains(out, "it has run") || !strings.Contains(out, "\n--- FAIL: TestFails (") || !strings.HasSuffix(out, "\nFAIL\n") {
		t.Errorf("exit status %d, want 1 and the failure of TestFails\n%s%s", status, out, &c.stderr)
	}
	if !strings.Contains(out, "\n--- PASS: TestAnnouncesPass (") {
		t.Errorf("the test that crashed the machine as expected has not passed\n%s%s", out, &c.stderr)
	}
}

// Lines of a helper process about its own tests begin no test.
func TestLinesOfHelpersAreOutput(t *testing.T) {
	t.Parallel()
	c := newCommand(t, nil, binary(t, "forgedresults"), "-test.v", "-test.run=TestPrintsBeginning")
	want := "=== RUN   TestPrintsBeginning\n=== RUN   TestGhost\nits output\n--- PASS: TestPrintsBeginning ("
	if status := c.status(t); status != 0 || !strings.Contains(c.stdout.String(), want) {
		t.Errorf("exit status %d, want 0 and %q\n%s%s", status, want, &c.stdout, &c.stderr)
	}
}
