package vmtest

import (
	"testing"

	"github.com/kmodtest/kmodtest/kmod/uapi"
)

func BenchmarkSet(b *testing.B) {
	s := newSocket(b)
	for b.Loop() {
		if err := s.trySet("a message of some length"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkGet(b *testing.B) {
	s := newSocket(b)
	for b.Loop() {
		if _, err := s.tryGet(uapi.SocketOpsGet); err != nil {
			b.Fatal(err)
		}
	}
}
