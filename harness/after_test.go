package harness_test

import (
	"strings"
	"testing"
)

// after runs a test of testdata/after, and returns the exit status and what standard output says.
func after(t *testing.T, test string, env ...string) (int, string) {
	t.Helper()
	c := newCommand(t, env, binary(t, "after"), "-test.run=^"+test+"$")
	status := c.status(t)
	if n := strings.Count(c.stdout.String(), "after the tests: code"); n != 1 {
		t.Errorf("the code after the tests ran %d times, want once", n)
	}
	return status, c.stdout.String()
}

func TestCodeAfterRunRuns(t *testing.T) {
	t.Parallel()
	status, out := after(t, "TestPasses")
	if status != 0 || !strings.Contains(out, "PASS\n") || !strings.Contains(out, "after the tests: code 0\n") {
		t.Errorf("exit status %d, output:\n%s", status, out)
	}
}

func TestCodeAfterRunMayFailRun(t *testing.T) {
	t.Parallel()
	if status, out := after(t, "TestPasses", "AFTER_STATUS=3"); status != 3 {
		t.Errorf("exit status %d, want 3; output:\n%s", status, out)
	}
}

func TestCodeAfterRunCannotHideFailedTest(t *testing.T) {
	t.Parallel()
	if status, out := after(t, "TestFails", "AFTER_STATUS=0"); status == 0 || !strings.Contains(out, "after the tests: code 1\n") {
		t.Errorf("exit status %d, output:\n%s", status, out)
	}
}

func TestRootMayBePivoted(t *testing.T) {
	t.Parallel()
	if status, out := after(t, "TestPivotsRoot"); status != 0 {
		t.Errorf("exit status %d, output:\n%s", status, out)
	}
}
