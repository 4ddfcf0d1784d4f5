package vmtest

import (
	"testing"

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

func TestNamespaceTakesItsMessageAlong(t *testing.T) {
	for range 20 {
		t.Run("namespace", func(t *testing.T) {
			s := newSocket(t)
			s.wantLast(t, "", "in a new network namespace, after others have ended")
			s.store(t, "until this namespace ends")
		})
	}
}

// A socket stays in the network namespace that it was opened in.
func TestSocketKeepsItsNamespace(t *testing.T) {
	s := newSocket(t)
	s.store(t, "from its own namespace")
	done := make(chan error)
	go func() { done <- s.trySet("from the initial namespace") }()
	wantErrno(t, <-done, nil, "set by a thread of the initial network namespace")
	s.wantLast(t, "from the initial namespace", "after a set from another namespace on the same socket")
}
