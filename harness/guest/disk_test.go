package guest_test

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/guest"
)

// openDisk opens a disk for requests that reach it at once.
func openDisk(t *testing.T, path string) *os.File {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR|unix.O_DIRECT|unix.O_SYNC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// block returns 4 KiB of a byte, aligned as O_DIRECT requires.
func block(t *testing.T, c byte) []byte {
	t.Helper()
	b, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Munmap(b) })
	for i := range b {
		b[i] = c
	}
	return b
}

func TestDiskIsEmptyAndKeepsItsContent(t *testing.T) {
	const size = 1 << 30
	for range 3 {
		path := ""
		failures := record(t, func(tb testing.TB) {
			path = guest.Disk(tb, size)
			f := openDisk(t, path)
			defer f.Close()
			end, err := f.Seek(0, 2)
			if err != nil || end != size {
				t.Errorf("size: got %d, %v, want %d", end, err, size)
			}
			got, text := block(t, 1), block(t, 'x')
			if _, err := f.ReadAt(got, size-4096); err != nil || !bytes.Equal(got, make([]byte, 4096)) {
				t.Errorf("a new disk: %v, %q", err, got[:8])
			}
			if _, err := f.WriteAt(text, size-4096); err != nil {
				t.Error(err)
			}
			if _, err := f.ReadAt(got, size-4096); err != nil || !bytes.Equal(got, text) {
				t.Errorf("after a write: %v, %q", err, got[:8])
			}
		})
		if _, err := os.Stat(path); len(failures) > 0 || !errors.Is(err, os.ErrNotExist) {
			t.Fatalf("after cleanup: %v, %q", err, failures)
		}
	}
}

func TestFailingDiskFails(t *testing.T) {
	for name, c := range map[string]struct {
		fault                              guest.DiskFault
		read, write, readOther, writeOther error // at sector 8, and elsewhere
	}{
		"reads":       {guest.DiskFault{Reads: true}, unix.EIO, nil, unix.EIO, nil},
		"writes":      {guest.DiskFault{Writes: true}, nil, unix.EIO, nil, unix.EIO},
		"all":         {guest.DiskFault{Reads: true, Writes: true}, unix.EIO, unix.EIO, unix.EIO, unix.EIO},
		"one sector":  {guest.DiskFault{Reads: true, Writes: true, Sectors: []int64{15}}, unix.EIO, unix.EIO, nil, nil},
		"two sectors": {guest.DiskFault{Writes: true, Sectors: []int64{8, 16}}, nil, unix.EIO, nil, unix.EIO},
	} {
		t.Run(name, func(t *testing.T) {
			f := openDisk(t, guest.FailingDisk(t, 1<<20, c.fault))
			b := block(t, 'x')
			for i, want := range []error{c.write, c.writeOther} {
				if _, err := f.WriteAt(b, int64(i+1)*4096); !errors.Is(err, want) {
					t.Errorf("write of block %d: got %v, want %v", i+1, err, want)
				}
			}
			for i, want := range []error{c.read, c.readOther} {
				if _, err := f.ReadAt(b, int64(i+1)*4096); !errors.Is(err, want) {
					t.Errorf("read of block %d: got %v, want %v", i+1, err, want)
				}
			}
		})
	}
}

func TestDisksAreLimited(t *testing.T) {
	for _, size := range []int64{0, -512, 513, 4<<30 + 512} {
		wantFailure(t, "size of a disk", func(tb testing.TB) { guest.Disk(tb, size) })
	}
	wantFailure(t, "sector of a disk", func(tb testing.TB) {
		guest.FailingDisk(tb, 512, guest.DiskFault{Reads: true, Sectors: []int64{1}})
	})
	wantFailure(t, "neither reads nor writes", func(tb testing.TB) { guest.FailingDisk(tb, 512, guest.DiskFault{}) })
	guest.Disk(t, 4<<30-512)
	guest.Disk(t, 512)
	wantFailure(t, "0 are free", func(tb testing.TB) { guest.Disk(tb, 512) })
}

func TestManyDisks(t *testing.T) {
	seen := map[string]bool{}
	for range 8 {
		path := guest.Disk(t, 512)
		if seen[path] || !strings.HasPrefix(path, "/dev/vd") {
			t.Errorf("disk %q", path)
		}
		seen[path] = true
	}
	wantFailure(t, "at most 8 disks", func(tb testing.TB) { guest.Disk(tb, 512) })
}
