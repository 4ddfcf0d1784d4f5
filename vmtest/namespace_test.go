package vmtest

import (
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/kmod/uapi"
)

func TestNewNamespaceStartsEmpty(t *testing.T) {
	newSocket(t).store(t, "in another network namespace")
	s := newSocket(t)
	if got := s.stats(t); got != (uapi.Stats{}) {
		t.Fatalf("counters of a new network namespace: got %+v, want only zeros", got)
	}
	s.wantLast(t, "", "in a new network namespace, after a set in another one")
}

func TestNamespacesAreKeptApart(t *testing.T) {
	one, two := newSocket(t), newSocket(t)
	one.store(t, "one")
	two.store(t, "two")
	one.wantLast(t, "one", "in one network namespace, after a set in another one")
	two.wantLast(t, "two", "in the other network namespace")
}

func TestNamespacesCountApart(t *testing.T) {
	one, two := newSocket(t), newSocket(t)
	one.wantCounts(t, uapi.Stats{}, "sets and gets in another network namespace", func() {
		two.store(t, "two")
		two.wantLast(t, "two", "in the other network namespace")
	})
}

func TestNamespaceEndFreesItsMessage(t *testing.T) {
	for range 20 {
		t.Run("namespace", func(t *testing.T) {
			s := newSocket(t)
			s.wantLast(t, "", "in a new network namespace, after others have ended")
			s.store(t, "until this namespace ends")
		})
	}
}

// A socket stays in the network namespace in which it was opened.
func TestSocketKeepsItsNamespace(t *testing.T) {
	s := newSocket(t)
	s.store(t, "from its own namespace")
	const what = "set by a thread in the initial network namespace"
	err := within(t, what, func() error { return s.trySet("from the initial namespace") })
	wantErrno(t, err, nil, what)
	s.wantLast(t, "from the initial namespace", "after a set from another namespace on the same socket")
}

// A socket that is passed to a thread in another network namespace stays in its
// own namespace, and sets on it change the state of that namespace.
func TestPassedSocketKeepsItsNamespace(t *testing.T) {
	here := newSocket(t)
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatalf("create a pair of sockets: %v", err)
	}
	defer unix.Close(ends[0])
	defer unix.Close(ends[1])
	if err := unix.Sendmsg(ends[0], []byte("a socket"), unix.UnixRights(here.fd), nil, 0); err != nil {
		t.Fatalf("pass a socket: %v", err)
	}
	t.Run("elsewhere", func(t *testing.T) {
		there, received := newSocket(t), receiveSocket(t, ends[1])
		received.store(t, "from elsewhere")
		received.wantLast(t, "from elsewhere", "on the socket that was passed")
		there.wantLast(t, "", "in the namespace that the socket was passed to")
	})
	here.wantLast(t, "from elsewhere", "in the namespace of a socket that was passed to another one")
}

// receiveSocket receives a socket that was sent to from.
func receiveSocket(t *testing.T, from int) socket {
	t.Helper()
	rights := make([]byte, unix.CmsgSpace(4))
	_, n, _, _, err := unix.Recvmsg(from, make([]byte, 16), rights, unix.MSG_CMSG_CLOEXEC)
	if err != nil {
		t.Fatalf("receive a socket: %v", err)
	}
	messages, err := unix.ParseSocketControlMessage(rights[:n])
	if err != nil || len(messages) != 1 {
		t.Fatalf("receive a socket: %d control messages, %v", len(messages), err)
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		t.Fatalf("receive a socket: %d sockets, %v", len(fds), err)
	}
	t.Cleanup(func() { _ = unix.Close(fds[0]) })
	return socket{fds[0]}
}
