package guest_test

import (
	"errors"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/guest"
)

// openSocket returns an error if the calling thread cannot open a socket. A raw socket
// requires CAP_NET_RAW.
func openSocket(kind, protocol int) error {
	fd, err := unix.Socket(unix.AF_INET, kind|unix.SOCK_CLOEXEC, protocol)
	if err != nil {
		return err
	}
	return unix.Close(fd)
}

// network returns the name of the calling thread's network namespace.
func network(t *testing.T) string {
	t.Helper()
	name, err := os.Readlink("/proc/thread-self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	return name
}

// reach sends one packet to the loopback, which fails unless that is up.
func reach(t *testing.T) error {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(fd) }()
	return unix.Sendto(fd, []byte("packet"), 0, &unix.SockaddrInet4{Port: 9, Addr: [4]byte{127, 0, 0, 1}})
}

func TestDropCapabilitiesDropsAllAndBringsThemBack(t *testing.T) {
	failures := record(t, func(tb testing.TB) {
		guest.DropCapabilities(tb)
		if err := openSocket(unix.SOCK_RAW, unix.IPPROTO_RAW); !errors.Is(err, unix.EPERM) {
			t.Errorf("raw socket without capabilities: got %v, want EPERM", err)
		}
		tb.(*recorder).cleanUp()
		if err := openSocket(unix.SOCK_RAW, unix.IPPROTO_RAW); err != nil {
			t.Errorf("raw socket after cleanup, on the same thread: %v", err)
		}
	})
	if len(failures) > 0 {
		t.Fatalf("drop capabilities: got %q", failures)
	}
}

func TestDropCapabilitiesLeavesTheOthers(t *testing.T) {
	guest.DropCapabilities(t, unix.CAP_NET_ADMIN, unix.CAP_BPF)
	if err := openSocket(unix.SOCK_RAW, unix.IPPROTO_RAW); err != nil {
		t.Errorf("raw socket without CAP_NET_ADMIN: %v", err)
	}
	guest.DropCapabilities(t, unix.CAP_NET_RAW)
	if err := openSocket(unix.SOCK_RAW, unix.IPPROTO_RAW); !errors.Is(err, unix.EPERM) {
		t.Errorf("raw socket without CAP_NET_RAW: got %v, want EPERM", err)
	}
}

func TestDropCapabilitiesIsForOneThread(t *testing.T) {
	guest.DropCapabilities(t)
	done := make(chan error)
	go func() { done <- openSocket(unix.SOCK_RAW, unix.IPPROTO_RAW) }()
	if err := <-done; err != nil {
		t.Fatalf("raw socket on another thread: %v", err)
	}
}

func TestDropCapabilitiesKnowsNoOthers(t *testing.T) {
	wantFailure(t, "drop capability 64", func(tb testing.TB) { guest.DropCapabilities(tb, 64) })
}

func TestNewNetworkNamespaceIsLeftAtCleanup(t *testing.T) {
	failures := record(t, func(tb testing.TB) {
		before := network(t)
		guest.NewNetworkNamespace(tb)
		inside := network(t)
		if inside == before {
			t.Errorf("network namespace: still %s", inside)
		}
		if err := reach(t); err != nil {
			t.Errorf("send to the loopback: %v", err)
		}
		guest.NewNetworkNamespace(tb)
		if nested := network(t); nested == inside || nested == before {
			t.Errorf("nested network namespace: still %s", nested)
		}
		tb.(*recorder).cleanUp()
		if after := network(t); after != before {
			t.Errorf("network namespace after cleanup: got %s, want %s", after, before)
		}
	})
	if len(failures) > 0 {
		t.Fatalf("new network namespace: got %q", failures)
	}
}

func TestNewNetworkNamespaceIsForOneThread(t *testing.T) {
	guest.NewNetworkNamespace(t)
	done := make(chan string)
	go func() { done <- network(t) }()
	if other, own := <-done, network(t); other == own {
		t.Fatalf("network namespace of another thread: got %s, the new one", other)
	}
}

func TestNewNetworkNamespaceNeedsCapability(t *testing.T) {
	guest.DropCapabilities(t)
	failures := record(t, func(tb testing.TB) {
		guest.DropCapabilities(tb)
		guest.NewNetworkNamespace(tb)
	})
	if len(failures) == 0 || !strings.Contains(failures[0], "make network namespace") {
		t.Fatalf("new network namespace without capabilities: got %q", failures)
	}
}

// The first thread outlives a goroutine that is locked to it, so no test may run there.
func TestNoTestRunsOnFirstThread(t *testing.T) {
	const many = 64 // more than the threads that exist before
	var locked, ended sync.WaitGroup
	locked.Add(many)
	for range many {
		ended.Go(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			if unix.Gettid() == unix.Getpid() {
				t.Error("a test runs on the first thread of the process")
			}
			locked.Done()
			locked.Wait() // so that each has a thread of its own
		})
	}
	ended.Wait()
}

func TestCleanupOnAnotherThreadIsNoticed(t *testing.T) {
	r := &recorder{TB: t}
	hold, made := make(chan struct{}), make(chan struct{})
	defer close(hold)
	go func() {
		guest.NewNetworkNamespace(r)
		close(made)
		<-hold // keeps this thread busy; it ends with the goroutine, as it is locked
	}()
	<-made
	r.cleanUp()
	if len(r.failures) != 1 || !strings.Contains(r.failures[0], "not called from the test's own goroutine") {
		t.Fatalf("cleanup on another thread: got %q", r.failures)
	}
}
