package adopt

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/guest"
)

const diskSize = 64 << 20

// A block that was written is in the cache alone, until the cache is written back.
func writesBack(t *testing.T) {
	backing, cache := guest.Disk(t, diskSize), guest.Disk(t, diskSize)
	device := mapDevice(t, fmt.Sprintf("0 %d writeboost %s %s", diskSize/512, backing, cache))
	block := bytes.Repeat([]byte("block of the test. "), 1000)[:4096]
	writeBlock(t, device, block)
	if !bytes.Equal(readBlock(t, device), block) {
		t.Error("the device does not have the block that was written")
	}
	if bytes.Equal(readBlock(t, backing), block) {
		t.Error("the block was written to the backing disk, not to the cache")
	}
	run(t, "dmsetup", "message", "adopted", "0", "drop_caches")
	if !bytes.Equal(readBlock(t, backing), block) {
		t.Error("the backing disk does not have the block after drop_caches")
	}
}

func cachesDisk(t *testing.T) {
	write(t, "/sys/kernel/rapiddisk/mgmt", fmt.Sprintf("rapiddisk attach 0 %d\n", 16<<20))
	t.Cleanup(func() { write(t, "/sys/kernel/rapiddisk/mgmt", "rapiddisk detach 0\n") })
	block := bytes.Repeat([]byte("in memory. "), 1000)[:4096]
	writeBlock(t, "/dev/rd0", block)
	if !bytes.Equal(readBlock(t, "/dev/rd0"), block) {
		t.Error("the disk in memory does not have the block that was written")
	}
	device := mapDevice(t, fmt.Sprintf("0 %d rapiddisk-cache %s /dev/rd0 %d", diskSize/512, guest.Disk(t, diskSize), 16<<20/512))
	readBlock(t, device)
	readBlock(t, device)
	if status := run(t, "dmsetup", "status", "adopted"); !strings.Contains(status, "cache hits(1)") {
		t.Errorf("a block was read twice: got status\n%s\nwant one hit in the cache", status)
	}
}

// mapDevice makes a device of the device mapper, and removes it at cleanup.
func mapDevice(t *testing.T, table string) string {
	t.Helper()
	t.Setenv("DM_DISABLE_UDEV", "1") // the program makes the device's file itself
	run(t, "dmsetup", "create", "adopted", "--table", table)
	t.Cleanup(func() { run(t, "dmsetup", "remove", "adopted") })
	return "/dev/mapper/adopted"
}

func writeBlock(t *testing.T, path string, block []byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY|unix.O_SYNC, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(block); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// readBlock reads 4 KiB from the start of a disk, not from the kernel's memory.
func readBlock(t *testing.T, path string) []byte {
	t.Helper()
	block, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON) // aligned, as O_DIRECT requires
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_DIRECT, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Read(block); err != nil {
		t.Fatalf("read %s: %v", path, err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return block
}
