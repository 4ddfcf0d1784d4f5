package guest_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/kmodtest/kmodtest/harness/guest"
)

// TestResultsOfProgramAreSubtests reads what a program prints.
func TestResultsOfProgramAreSubtests(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "cat")
	cmd.Stdin = strings.NewReader("KTAP version 1\n1..2\n    # Subtest: suite\n    1..1\n    ok 1 inner\nok 1 suite\nok 2 other # SKIP no device\n")
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	guest.KTAP(t, out)
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}
