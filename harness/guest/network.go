package guest

import (
	"fmt"
	"testing"

	"golang.org/x/sys/unix"
)

// NewNetworkNamespace moves the calling thread into a new, empty network
// namespace with its loopback up, and back into the old one at cleanup. Sockets
// belong to the namespace they were opened in, whatever thread uses them later.
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
			return fmt.Errorf("go back to the old network namespace: %w", err)
		}
		return nil
	})
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		tb.Fatalf("make network namespace: %v", err)
	}
	if err := raiseLoopback(); err != nil {
		tb.Fatal(err)
	}
}

// raiseLoopback sets the loopback of the calling thread's network namespace up.
func raiseLoopback() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open socket: %w", err)
	}
	defer func() { _ = unix.Close(fd) }()
	request, err := unix.NewIfreq("lo")
	if err != nil {
		return fmt.Errorf("name loopback: %w", err)
	}
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFFLAGS, request); err != nil {
		return fmt.Errorf("read loopback's flags: %w", err)
	}
	request.SetUint16(request.Uint16() | unix.IFF_UP)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, request); err != nil {
		return fmt.Errorf("set loopback up: %w", err)
	}
	return nil
}
