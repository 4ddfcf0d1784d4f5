package devices

import (
	"context"
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kmodtest/kmodtest/harness/internal/qemu"
	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// machine is a machine without QEMU.
type machine struct{}

func (machine) AddDisk(context.Context, qemu.Disk) error                   { return nil }
func (machine) RemoveDisk(context.Context, qemu.Disk, time.Duration) error { return nil }
func (machine) AddNIC(context.Context, qemu.NIC) error                     { return nil }

// diskOf returns a request for a disk.
func diskOf(size int64) wire.Request {
	return wire.Request{ID: "/a", Verb: wire.VerbDisk, Args: []string{strconv.FormatInt(size, 10), "-"}}
}

func TestDisksAreLimited(t *testing.T) {
	d := New(t.Context(), machine{}, nil)
	add := func(size int64, want string) string {
		t.Helper()
		name, err := d.do(diskOf(size))
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("disk of %d bytes: %v, want %q in it", size, err, want)
		}
		return name
	}
	remove := func(name string) error {
		_, err := d.do(wire.Request{ID: "/a", Verb: wire.VerbRemove, Args: []string{name}})
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

func TestNetworkIsAttachedOnce(t *testing.T) {
	d := New(t.Context(), machine{}, nil)
	request := wire.Request{ID: "/a", Verb: wire.VerbNetwork}
	if _, err := d.do(request); err == nil {
		t.Error("a machine without a network: no error")
	}
	d.NIC = &qemu.NIC{Address: "52:54:00:00:00:01"}
	if address, err := d.do(request); err != nil || address != "52:54:00:00:00:01" {
		t.Errorf("%q, %v", address, err)
	}
	if _, err := d.do(request); err == nil {
		t.Error("a second card: no error")
	}
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
	d := New(t.Context(), machine{}, func(wire.Answer) error { <-t.Context().Done(); return t.Context().Err() })
	var err error
	for i := 0; err == nil && i < 100_000; i++ { // the guest reads no answer, so the first request stays in work
		err = d.Take(diskOf(512))
	}
	var garbled *wire.GarbledError
	if !errors.As(err, &garbled) || !strings.Contains(err.Error(), "more than 128 requests for devices wait") {
		t.Errorf("%v", err)
	}
}
