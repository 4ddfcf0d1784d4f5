// Package guest holds the helpers that tests call inside the guest: modules,
// capabilities, namespaces and the kernel log.
//
// Every helper takes a testing.TB (Fresh and FuzzInput a *testing.T), ends the
// test where something is missing (a guest that lacks what a test needs is a
// broken guest, so nothing is ever skipped), and puts back with tb.Cleanup what
// it changed. A helper that changes the calling thread (DropCapabilities, NewNetworkNamespace) locks the
// test's goroutine to its thread. It has to be called from that goroutine, and
// a subtest started with t.Run, which is another goroutine, does not see the
// change.
package guest

import (
	"os"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/internal/inside"
)

// require ends the test where it does not run inside a guest: the helpers
// change the running kernel, and that must never be the one of the machine
// somebody works on.
func require(tb testing.TB) {
	tb.Helper()
	if _, err := os.Stat(inside.GuestFile); err != nil {
		tb.Fatalf("not inside a guest: %v; does the package's TestMain call harness.Main?", err)
	}
}

// lockThread locks the calling goroutine to its thread, and at cleanup undoes
// what was done to that thread and unlocks it. Where undo fails the thread
// stays locked, so that it ends together with the goroutine and no other test
// ever runs on it.
func lockThread(tb testing.TB, undo func() error) {
	tb.Helper()
	runtime.LockOSThread()
	tid := unix.Gettid()
	tb.Cleanup(func() {
		if now := unix.Gettid(); now != tid {
			tb.Errorf("thread %d was changed, but cleanup runs on thread %d: "+
				"the helper was not called from the test's own goroutine", tid, now)
			return
		}
		if err := undo(); err != nil {
			tb.Errorf("restore thread %d: %v", tid, err)
			return
		}
		runtime.UnlockOSThread()
	})
}
