package guest

import (
	"errors"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"

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
	runElsewhere(t, "fresh", t.Name(), strconv.Itoa(runtime.GOMAXPROCS(0)))
}

// runElsewhere requests that the host runs the test in other machines. It does not return.
func runElsewhere(t *testing.T, verb string, args ...string) {
	t.Helper()
	passed, reason, err := ask(t, verb, args...)
	if err == nil && reason != "" {
		err = errors.New(reason)
	}
	if err != nil {
		t.Fatalf("request a fresh machine: %v", err)
	}
	if !passed {
		t.FailNow()
	}
	t.SkipNow() // the host replaces this result by a pass
}
