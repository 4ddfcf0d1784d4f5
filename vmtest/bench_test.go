package vmtest

import (
	"testing"

	"github.com/kmodtest/kmodtest/kmod/uapi"
)

func BenchmarkSet(b *testing.B) {
	s, m := newSocket(b), message(b, "a message of some length")
	for b.Loop() {
		if err := s.set(uapi.SocketOpsSet, m.address, int32(len(m.data))); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkGet(b *testing.B) {
	s, m := newSocket(b), beforeGuard(b, len(greeting))
	for b.Loop() {
		if _, err := s.get(uapi.SocketOpsGet, m.address, int32(len(m.data))); err != nil {
			b.Fatal(err)
		}
	}
}
