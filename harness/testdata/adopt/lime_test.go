package adopt

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/guest"
)

// The dump of the memory has all ranges of it, and a page of the test in one of them.
func dumpsMemory(t *testing.T) {
	page, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_LOCKED)
	if err != nil {
		t.Fatal(err)
	}
	copy(page, bytes.Repeat([]byte("page of the test"), 4096/16))
	disk := guest.Disk(t, 512<<20)
	run(t, "modprobe", "lime", "path="+disk, "format=lime")
	dump := open(t, disk, os.O_RDONLY)
	address := physical(t, page)
	found := false
	for _, want := range memoryRanges(t) {
		header := make([]byte, 32)
		if _, err := io.ReadFull(dump, header); err != nil {
			t.Fatal(err)
		}
		magic, version := binary.LittleEndian.Uint32(header), binary.LittleEndian.Uint32(header[4:])
		r := memoryRange{binary.LittleEndian.Uint64(header[8:]), binary.LittleEndian.Uint64(header[16:])}
		if magic != 0x4c694d45 || version != 1 || r != want {
			t.Fatalf("the dump has header %x, want magic 4c694d45, version 1, range %#x", header, want)
		}
		start, err := dump.Seek(0, io.SeekCurrent)
		if err != nil {
			t.Fatal(err)
		}
		if r.first <= address && address <= r.last {
			got := make([]byte, len(page))
			if _, err := dump.ReadAt(got, start+int64(address-r.first)); err != nil {
				t.Fatal(err)
			}
			found = bytes.Equal(got, page)
		}
		if _, err := dump.Seek(int64(r.last-r.first+1), io.SeekCurrent); err != nil {
			t.Fatal(err)
		}
	}
	if !found {
		t.Errorf("the dump does not have the page of the test at its address %#x", address)
	}
}

type memoryRange struct{ first, last uint64 }

// memoryRanges returns the ranges of memory, by their physical addresses.
func memoryRanges(t *testing.T) []memoryRange {
	t.Helper()
	text, err := os.ReadFile("/proc/iomem")
	if err != nil {
		t.Fatal(err)
	}
	var ranges []memoryRange
	for line := range strings.Lines(string(text)) {
		var r memoryRange
		if strings.HasSuffix(line, " : System RAM\n") {
			if _, err := fmt.Sscanf(line, "%x-%x", &r.first, &r.last); err != nil {
				t.Fatal(err)
			}
			ranges = append(ranges, r)
		}
	}
	return ranges
}

// physical returns the physical address of a page.
func physical(t *testing.T, page []byte) uint64 {
	t.Helper()
	entry := make([]byte, 8)
	number := uintptr(unsafe.Pointer(&page[0])) / 4096
	if _, err := open(t, "/proc/self/pagemap", os.O_RDONLY).ReadAt(entry, int64(number)*8); err != nil {
		t.Fatal(err)
	}
	return (binary.LittleEndian.Uint64(entry) & (1<<55 - 1)) * 4096
}
