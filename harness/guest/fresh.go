package guest

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/internal/inside"
)

// Fresh gives the test t a machine of its own, with the modules just loaded: the
// kernel is as no other test has left it, and what t does to it nobody else
// sees. It is the first thing that a top-level test calls. Where every test has
// a machine of its own already, it does nothing.
//
// The call in the shared machine does not return: while it waits, the test is
// run in the other one, and its output and result are those of the test.
func Fresh(t *testing.T) {
	t.Helper()
	require(t)
	if os.Getenv(inside.FreshVariable) != "" {
		return
	}
	if strings.Contains(t.Name(), "/") {
		t.Fatal("guest.Fresh is for top-level tests: a subtest can not be run without the test around it")
	}
	passed, err := askForMachine(t.TempDir(), t.Name())
	if err != nil {
		t.Fatalf("ask for a machine: %v", err)
	}
	if !passed {
		t.FailNow()
	}
	t.SkipNow() // the host prints in its place that it passed
}

// askForMachine has a test run in a machine of its own, and returns whether it
// passed there.
func askForMachine(dir, name string) (passed bool, err error) {
	path := filepath.Join(dir, "answer")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		return false, fmt.Errorf("make %s: %w", path, err)
	}
	// For writing too: the answer is not to find a pipe without a reader, nor
	// we one without a writer.
	answer, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return false, err
	}
	defer answer.Close()
	ask, err := os.OpenFile(inside.FreshPipe, os.O_WRONLY, 0)
	if err != nil {
		return false, err
	}
	defer ask.Close()
	if _, err := fmt.Fprintf(ask, "%s %s %d\n", path, name, runtime.GOMAXPROCS(0)); err != nil {
		return false, err
	}
	line, err := bufio.NewReader(answer).ReadString('\n')
	return line == inside.FreshPassed+"\n", err
}
