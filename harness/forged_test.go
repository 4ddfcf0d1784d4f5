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
