package vmtest

import (
	"testing"

	"github.com/kmodtest/kmodtest/kmod/uapi"
)

// greeting is the kernel's greeting, including its NUL.
const greeting = "--------kernel---------\x00"

func TestGetAnswersWithGreeting(t *testing.T) {
	got, err := newSocket(t).tryGet(uapi.SocketOpsGet)
	wantErrno(t, err, nil, "get of the greeting")
	if got != greeting {
		t.Fatalf("greeting: got %q, want %q", got, greeting)
	}
}

func TestGreetingDoesNotDependOnMessage(t *testing.T) {
	s := newSocket(t)
	s.store(t, "a message")
	got, err := s.tryGet(uapi.SocketOpsGet)
	wantErrno(t, err, nil, "get of the greeting")
	if got != greeting {
		t.Fatalf("greeting after a set: got %q, want %q", got, greeting)
	}
}

func TestLastReturnsWhatWasSet(t *testing.T) {
	s := newSocket(t)
	s.store(t, "hello")
	s.wantLast(t, "hello", "after a set")
}

func TestLastReturnsAnyBytes(t *testing.T) {
	s := newSocket(t)
	for first := 0; first < 256; first += uapi.SocketOpsMsgMax {
		var all [uapi.SocketOpsMsgMax]byte
		for i := range all {
			all[i] = byte(first + i)
		}
		s.store(t, string(all[:]))
		s.wantLast(t, string(all[:]), "after a set of those bytes")
	}
}

func TestSetReplacesWholeMessage(t *testing.T) {
	s := newSocket(t)
	s.store(t, "a long message")
	s.store(t, "short")
	s.wantLast(t, "short", "after a set of a shorter message")
	s.store(t, "")
	s.wantLast(t, "", "after a set of an empty message")
	s.store(t, "a long message")
	s.wantLast(t, "a long message", "after a set of a longer message")
}

func TestSocketsOfNamespaceShareMessage(t *testing.T) {
	s := newSocket(t)
	udpSocket.open(t).store(t, "from another socket")
	s.wantLast(t, "from another socket", "after a set on another socket of the namespace")
}
