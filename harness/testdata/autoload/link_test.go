package autoload

import (
	"testing"

	"github.com/kmodtest/kmodtest/harness/guest"
)

// BenchmarkLink makes a pair of veth interfaces, as ip link add type veth does: when the
// kernel has the module, and when it asks for it first.
func BenchmarkLink(b *testing.B) {
	b.Run("module=loaded", func(b *testing.B) { benchmarkLink(b, func() {}) })
	b.Run("module=asked-for", func(b *testing.B) {
		benchmarkLink(b, func() {
			if err := guest.TryUnloadModule(b, "veth"); err != nil {
				b.Fatal(err)
			}
		})
	})
}

// benchmarkLink measures addLink. It calls before, which is not measured, each time.
func benchmarkLink(b *testing.B, before func()) {
	b.Helper()
	guest.LoadModule(b, "veth")
	for b.Loop() {
		b.StopTimer()
		before()
		b.StartTimer()
		if err := addLink("veth", "measured0"); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if err := deleteLink("measured0"); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}
