package machine

import (
	"errors"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// asking returns a machine without QEMU.
func asking(t *testing.T) *Machine {
	t.Helper()
	ours, theirs := net.Pipe()
	t.Cleanup(func() { theirs.Close() })
	m := Connect(t.Context(), ours, nil)
	t.Cleanup(m.Close)
	return m
}

// diskOf returns a request for a disk.
func diskOf(size int64) wire.Request {
	return wire.Request{ID: "/a", Verb: wire.VerbDisk, Args: []string{strconv.FormatInt(size, 10), "-"}}
}

func TestDisksAreLimited(t *testing.T) {
	m := asking(t)
	d := newDevices()
	add := func(size int64, want string) string {
		t.Helper()
		name, err := d.do(m, diskOf(size))
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("disk of %d bytes: %v, want %q in it", size, err, want)
		}
		return name
	}
	remove := func(name string) error {
		_, err := d.do(m, wire.Request{ID: "/a", Verb: wire.VerbRemove, Args: []string{name}})
		return err
	}
	first := add(maxDiskSize-512, "")
	add(1024, "512 are free")
	for range maxDisks - 1 {
		if err := remove(add(512, "")); err != nil {
			t.Error(err)
		}
	}
	if err := remove(first); err != nil || d.total != 0 {
		t.Errorf("%d bytes are used, %v", d.total, err)
	}
	if err := remove(first); err == nil {
		t.Error("a disk that has been removed is removed again")
	}
	for range maxDisks {
		add(512, "")
	}
	add(512, "at most 8 disks")
	d.made = maxDevices
	clear(d.disks)
	add(512, "at most 10000 devices")
}

// The content of a disk is a file that nobody else can open, and takes no space.
func TestContentOfDiskHasNoName(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	f, err := namelessFile(1 << 30)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || info.Size() != 1<<30 {
		t.Errorf("size %d, %v", info.Size(), err)
	}
	if list, err := os.ReadDir(os.TempDir()); err != nil || len(list) > 0 {
		t.Errorf("files are left: %v, %v", list, err)
	}
}

func TestRequestsForDevicesAreLimited(t *testing.T) {
	m := asking(t)
	d := m.devices
	var err error
	for i := 0; err == nil && i < 100_000; i++ { // the guest reads no answer, so the first request stays in work
		err = d.take(m, diskOf(512))
	}
	var garbled *wire.GarbledError
	if !errors.As(err, &garbled) || !strings.Contains(err.Error(), "more than 128 requests for devices wait") {
		t.Errorf("%v", err)
	}
}
