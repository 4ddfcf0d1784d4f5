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

// Fresh runs the test t in a fresh machine, with the modules just loaded: no other test
// has changed its kernel, and no other test sees the changes that t makes. It must be the
// first call of a top-level test; in a subtest it fails the test. If every test has a
// fresh machine already, it does nothing.
//
// In the shared machine the call does not return: the test waits until it has ended in
// the fresh machine, and its output and result are those from there. At most 64 tests
// wait for their results at the same time; further ones wait for their start.
func Fresh(t *testing.T) {
	t.Helper()
	require(t)
	if os.Getenv(inside.FreshVariable) != "" {
		return
	}
	if strings.Contains(t.Name(), "/") {
		t.Fatal("guest.Fresh is for top-level tests: a subtest cannot run without its parent test")
	}
	passed, err := requestMachine(t.TempDir(), t.Name())
	if err != nil {
		t.Fatalf("request a fresh machine: %v", err)
	}
	if !passed {
		t.FailNow()
	}
	t.SkipNow() // the host replaces this result by a pass
}

// maxRequest is the longest request in bytes: longer writes to a pipe are not atomic
// (PIPE_BUF).
const maxRequest = 4096

// requestMachine runs a test in a fresh machine, and returns whether it passed there. It
// keeps the FIFO for the answer in dir.
func requestMachine(dir, name string) (passed bool, err error) {
	path := filepath.Join(dir, "answer")
	request := fmt.Sprintf("%s %s %d\n", path, name, runtime.GOMAXPROCS(0))
	if len(request) > maxRequest || len(strings.Fields(request)) != 3 {
		return false, fmt.Errorf("the request %q is not valid", request)
	}
	if err := unix.Mkfifo(path, 0o600); err != nil {
		return false, fmt.Errorf("make %s: %w", path, err)
	}
	// It is also open for writing, so that neither side finds the other end closed.
	answer, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return false, err
	}
	defer answer.Close()
	pipe, err := os.OpenFile(inside.FreshPipe, os.O_WRONLY, 0)
	if err != nil {
		return false, err
	}
	defer pipe.Close()
	if _, err := pipe.WriteString(request); err != nil {
		return false, err
	}
	line, err := bufio.NewReader(answer).ReadString('\n')
	if err != nil {
		return false, err
	}
	line = strings.TrimSuffix(line, "\n")
	if reason, refused := strings.CutPrefix(line, inside.FreshRefused); refused {
		return false, fmt.Errorf("the guest refused: %s", reason)
	}
	return line == inside.FreshPassed, nil
}
