package qemu

import "testing"

func TestOffsetLeavesOutTheGapBelow4GiB(t *testing.T) {
	const gib = 1 << 30
	for _, c := range []struct {
		memory  int
		address uint64
		want    int64
	}{
		{0, 0, 0},
		{512, 511 << 20, 511 << 20},
		{3583, 3*gib + 5, 3*gib + 5},
		{3584, 3*gib - 1, 3*gib - 1},
		{3584, 4 * gib, 3 * gib},
		{8192, 8*gib + 7, 7*gib + 7},
	} {
		if got := (Config{Memory: c.memory}).Offset(c.address); got != c.want {
			t.Errorf("with %d MiB, address %#x has offset %#x, want %#x", c.memory, c.address, got, c.want)
		}
	}
}
