package guest

import (
	"fmt"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/internal/inside"
)

// NewNetworkNamespace moves the calling thread into a new network namespace that has only
// a loopback interface, which is up. Cleanup moves the thread back. A socket belongs to
// the namespace in which it was opened, whichever thread uses it later.
func NewNetworkNamespace(tb testing.TB) {
	tb.Helper()
	require(tb)
	old, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		tb.Fatalf("open network namespace: %v", err)
	}
	lockThread(tb, func() error {
		defer func() { _ = unix.Close(old) }()
		if err := unix.Setns(old, unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("return to the old network namespace: %w", err)
		}
		return nil
	})
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		tb.Fatalf("make network namespace: %v", err)
	}
	if err := inside.RaiseLoopback(); err != nil {
		tb.Fatal(err)
	}
}
