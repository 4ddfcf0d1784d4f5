// Package guest has the helpers that tests call inside the guest: modules, capabilities,
// namespaces and the kernel log.
//
// Every helper takes a testing.TB (Fresh, FaultWalk, KTAP, KUnit and FuzzInput a
// *testing.T). It ends the test with Fatal if something is missing, and never skips it: a
// guest without a feature that a test needs is a broken guest. It undoes its changes with
// tb.Cleanup.
// Outside of a guest each helper ends the test without changing anything.
//
// A helper that changes the calling thread (DropCapabilities, NewNetworkNamespace) locks
// the test's goroutine to its thread. Call it from the test's own goroutine. The change
// does not apply to other goroutines, such as subtests started with t.Run.
//
// Tests that run in parallel may call the helpers at the same time, but they share one
// kernel and its modules.
package guest

import (
	"os"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/internal/inside"
)

// require ends the test if it does not run inside a guest: the helpers change the
// running kernel, which must not be that of a developer's computer.
func require(tb testing.TB) {
	tb.Helper()
	if _, err := os.Stat(inside.GuestFile); err != nil {
		tb.Fatalf("not inside a guest: %v; does the package's TestMain call harness.Main?", err)
	}
}

// lockThread locks the calling goroutine to its thread. Cleanup calls undo, which has to
// restore the thread, and unlocks it. If undo fails the thread stays locked: it then
// ends with the goroutine, and no other test runs on it.
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
