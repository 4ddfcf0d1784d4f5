package vmtest

import (
	"math"
	"runtime"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/guest"
	"github.com/kmodtest/kmodtest/kmod/uapi"
)

// A subtest has its own thread, so the capabilities that it drops are missing
// only in the subtest.

func TestSetNeedsNetAdmin(t *testing.T) {
	s := newSocket(t)
	s.store(t, "kept")
	t.Run("none", func(t *testing.T) {
		guest.DropCapabilities(t)
		wantErrno(t, s.trySet("must not be stored"), unix.EPERM, "set without capabilities")
	})
	t.Run("all others", func(t *testing.T) {
		guest.DropCapabilities(t, unix.CAP_NET_ADMIN)
		wantErrno(t, s.trySet("must not be stored"), unix.EPERM, "set without CAP_NET_ADMIN")
	})
	s.wantLast(t, "kept", "after sets without CAP_NET_ADMIN")
}

// The capabilities of the caller count, not those of the process that opened the
// socket.
func TestCapabilityOfCallerCounts(t *testing.T) {
	var s socket
	t.Run("open without capabilities", func(t *testing.T) {
		guest.NewNetworkNamespace(t)
		guest.DropCapabilities(t)
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatalf("open socket: %v", err)
		}
		s = socket{fd}
	})
	t.Cleanup(func() { _ = unix.Close(s.fd) })
	s.store(t, "an admin's")
	s.wantLast(t, "an admin's", "on a socket that was opened without capabilities")
	if got := s.stats(t); got.Sets != 1 {
		t.Errorf("counters on a socket that was opened without capabilities: got %+v, want one set", got)
	}
}

func TestSetChecksNetAdminFirst(t *testing.T) {
	s := newSocket(t)
	m := message(t, strings.Repeat("m", 4096))
	bad := badAddresses(t)
	guest.DropCapabilities(t, unix.CAP_NET_ADMIN)
	for _, size := range []int32{0, 1, uapi.SocketOpsMsgMax, uapi.SocketOpsMsgMax + 1, 4096, math.MaxInt32} {
		err := s.set(uapi.SocketOpsSet, m.address, size)
		wantErrno(t, err, unix.EPERM, "set of %d bytes without CAP_NET_ADMIN", size)
		for _, bad := range bad {
			err := s.set(uapi.SocketOpsSet, bad.at, size)
			wantErrno(t, err, unix.EPERM, "set of %d bytes at %s (%#x) without CAP_NET_ADMIN", size, bad.name, bad.at)
		}
	}
}

func TestLastAndStatsNeedNetAdmin(t *testing.T) {
	s := newSocket(t)
	s.store(t, "a secret")
	m := beforeGuard(t, uapi.SocketOpsMsgMax)
	bad := badAddresses(t)
	guest.DropCapabilities(t, unix.CAP_NET_ADMIN)
	for _, command := range []int32{uapi.SocketOpsLast, uapi.SocketOpsStats} {
		for _, length := range []int32{0, 1, uapi.SocketOpsMsgMax, math.MaxInt32} {
			_, err := s.get(command, m.address, length)
			wantErrno(t, err, unix.EPERM, "get of command %d with *optlen %d without CAP_NET_ADMIN", command, length)
			for _, bad := range bad {
				_, err := s.get(command, bad.at, length)
				wantErrno(t, err, unix.EPERM, "get of command %d at %s without CAP_NET_ADMIN", command, bad.name)
			}
		}
	}
	m.wantWritten("", "get without CAP_NET_ADMIN")
}

func TestGreetingNeedsNoCapability(t *testing.T) {
	s := newSocket(t)
	guest.DropCapabilities(t)
	got, err := s.tryGet(uapi.SocketOpsGet)
	wantErrno(t, err, nil, "get of the greeting without capabilities")
	if got != greeting {
		t.Fatalf("greeting without capabilities: got %q, want %q", got, greeting)
	}
}

func TestNetAdminIsEnough(t *testing.T) {
	s := newSocket(t)
	var others []int
	for c := range unix.CAP_LAST_CAP + 1 {
		others = append(others, c)
	}
	guest.DropCapabilities(t, slices.Delete(others, unix.CAP_NET_ADMIN, unix.CAP_NET_ADMIN+1)...)
	wantErrno(t, s.trySet("a message"), nil, "set with CAP_NET_ADMIN alone")
	s.wantLast(t, "a message", "with CAP_NET_ADMIN alone")
	s.stats(t)
}

func TestUserNamespaceHasItsOwnNetAdmin(t *testing.T) {
	guest.InUserNamespace(t, unix.CLONE_NEWNET, func() {
		s := rawSocket.open(t)
		wantErrno(t, s.trySet("from inside"), nil, "set as root of a user namespace that owns the network namespace")
		s.wantLast(t, "from inside", "as root of a user namespace that owns the network namespace")
	})
}

func TestUserNamespaceWithoutNetAdminMayNotSet(t *testing.T) {
	guest.InUserNamespace(t, unix.CLONE_NEWNET, func() {
		s := rawSocket.open(t)
		guest.DropCapabilities(t)
		wantErrno(t, s.trySet("from inside"), unix.EPERM, "set in a user namespace without capabilities")
		_, err := s.tryGet(uapi.SocketOpsLast)
		wantErrno(t, err, unix.EPERM, "get of the last message in a user namespace without capabilities")
	})
}

func TestRootOfUserNamespaceMayNotSetOutside(t *testing.T) {
	guest.InUserNamespace(t, 0, func() {
		s := udpSocket.open(t)
		wantErrno(t, s.trySet("from inside"), unix.EPERM, "set in a network namespace that another user namespace owns")
		for _, command := range []int32{uapi.SocketOpsLast, uapi.SocketOpsStats} {
			_, err := s.tryGet(command)
			wantErrno(t, err, unix.EPERM, "get of command %d in a network namespace that another user namespace owns", command)
		}
		got, err := s.tryGet(uapi.SocketOpsGet)
		wantErrno(t, err, nil, "get of the greeting in a network namespace that another user namespace owns")
		if got != greeting {
			t.Fatalf("greeting in a user namespace: got %q, want %q", got, greeting)
		}
	})
}

// The socket's network namespace counts, not that of the caller. A process that
// creates a network namespace is root in it, but not on a socket that it opened
// in another namespace.
func TestRootOfOwnNetworkNamespaceMayNotSetOnForeignSocket(t *testing.T) {
	guest.InUserNamespace(t, 0, func() {
		s := udpSocket.open(t) // in the outer network namespace
		errs := make(chan error, 3)
		go func() {
			defer close(errs)
			runtime.LockOSThread() // never unlocked: the thread cannot return to its namespace, so it ends with its goroutine
			if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
				t.Errorf("create network namespace: %v", err)
				return
			}
			errs <- s.trySet("from inside")
			for _, command := range []int32{uapi.SocketOpsLast, uapi.SocketOpsStats} {
				_, err := s.tryGet(command)
				errs <- err
			}
		}()
		for _, call := range []string{"set", "get of the last message", "get of the counters"} {
			wantErrno(t, <-errs, unix.EPERM, "%s from a new network namespace, on a socket whose network namespace another user namespace owns", call)
		}
	})
}
