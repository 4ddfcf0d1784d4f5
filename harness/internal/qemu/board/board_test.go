package board

import (
	"strings"
	"testing"
)

func TestOffsetLeavesOutTheGapBelow4GiB(t *testing.T) {
	const gib = 1 << 30
	for _, c := range []struct {
		machine string
		memory  int
		address uint64
		want    int64
	}{
		{"", 512, 511 << 20, 511 << 20},
		{"", 3583, 3*gib + 5, 3*gib + 5},
		{"", 3584, 3*gib - 1, 3*gib - 1},
		{"", 3584, 4 * gib, 3 * gib},
		{"", 8192, 8*gib + 7, 7*gib + 7},
		{"q35", 2815, 2*gib + 5, 2*gib + 5},
		{"q35", 2816, 4 * gib, 2 * gib},
		{"smm=off,type=pc-q35-7.2", 4096, 5 * gib, 3 * gib},
		{"pc", 4096, 4 * gib, 3 * gib},
	} {
		b, err := Of("amd64")
		if err != nil {
			t.Fatal(err)
		}
		if got := b.Offset(c.address, c.memory, strings.Fields(c.machine)); got != c.want {
			t.Errorf("machine %q with %d MiB: address %#x has offset %#x, want %#x", c.machine, c.memory, c.address, got, c.want)
		}
	}
}

func TestMemoryBeginsAtTheBoardsAddress(t *testing.T) {
	for goarch, base := range map[string]uint64{"arm64": 1 << 30, "riscv64": 2 << 30, "s390x": 0} {
		b, err := Of(goarch)
		if err != nil {
			t.Fatal(err)
		}
		if got := b.Offset(base+5, 8192, nil); got != 5 {
			t.Errorf("%s: got %#x, want 5", goarch, got)
		}
	}
}

func TestEachProgramHasItsBoard(t *testing.T) {
	for _, b := range boards {
		if got := For("/usr/bin/" + b.Program); got.Arch != b.Arch {
			t.Errorf("%s is for %s, want %s", b.Program, got.Arch, b.Arch)
		}
	}
	if got := For("qemu-system-none"); !got.IsNative() {
		t.Errorf("a program without a board has that of %s, want the host's", got.Arch)
	}
	if _, err := Of("mips"); err == nil || !strings.Contains(err.Error(), "no machine for kernels of mips: there are machines for amd64, arm64") {
		t.Errorf("got %v", err)
	}
}

func TestPortsOfDevicesAreFreeAgain(t *testing.T) {
	slots := NewSlots(Board{Bus: "pci", Ports: 2})
	take := func(name string) (any, error) {
		device := map[string]any{}
		err := slots.Take("virtio-blk", name, device)
		return device["bus"], err
	}
	for _, c := range []struct {
		name string
		want any
	}{{"a", "kmodtest-port0"}, {"b", "kmodtest-port1"}} {
		if got, err := take(c.name); got != c.want || err != nil {
			t.Errorf("%s: got %v, %v, want %v", c.name, got, err, c.want)
		}
	}
	if _, err := take("c"); err == nil {
		t.Error("a third device has a port")
	}
	slots.Free("a")
	if got, err := take("c"); got != "kmodtest-port0" || err != nil {
		t.Errorf("c: got %v, %v, want the port of a", got, err)
	}
	device := map[string]any{}
	if err := NewSlots(Board{Bus: "ccw"}).Take("virtio-blk", "d", device); err != nil || device["bus"] != nil || device["driver"] != "virtio-blk-ccw" {
		t.Errorf("without ports: %v, %v", device, err)
	}
}
