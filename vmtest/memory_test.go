package vmtest

import (
	"bufio"
	"bytes"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// filler is the value of bytes that were not written.
const filler = 0xa5

// memory is a range of bytes in a page between two inaccessible pages.
type memory struct {
	tb      testing.TB
	page    []byte
	offset  int     // of the range in the page
	data    []byte  // the range
	address uintptr // of the range, even if it is empty
}

// beforeGuard returns memory that ends directly before an inaccessible page.
func beforeGuard(tb testing.TB, size int) memory {
	tb.Helper()
	return guarded(tb, unix.Getpagesize()-size, size)
}

// afterGuard returns memory that begins directly after an inaccessible page.
func afterGuard(tb testing.TB, size int) memory {
	tb.Helper()
	return guarded(tb, 0, size)
}

// guarded returns memory in the middle page of three, the others of which are
// inaccessible.
func guarded(tb testing.TB, offset, size int) memory {
	tb.Helper()
	pageSize := unix.Getpagesize()
	pages, err := unix.Mmap(-1, 0, 3*pageSize, unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		tb.Fatalf("map three pages: %v", err)
	}
	tb.Cleanup(func() {
		if err := unix.Munmap(pages); err != nil {
			tb.Errorf("unmap three pages: %v", err)
		}
	})
	page := pages[pageSize : 2*pageSize]
	m := memory{
		tb:      tb,
		page:    page,
		offset:  offset,
		data:    page[offset : offset+size],
		address: uintptr(unsafe.Pointer(unsafe.SliceData(page))) + uintptr(offset),
	}
	m.protect(unix.PROT_READ | unix.PROT_WRITE)
	copy(page, bytes.Repeat([]byte{filler}, pageSize))
	return m
}

// message returns memory that contains text and ends directly before an
// inaccessible page.
func message(tb testing.TB, text string) memory {
	tb.Helper()
	m := beforeGuard(tb, len(text))
	copy(m.data, text)
	return m
}

// protect sets the protection of the page, as mprotect does.
func (m memory) protect(access int) {
	m.tb.Helper()
	if err := unix.Mprotect(m.page, access); err != nil {
		m.tb.Fatalf("protect memory: %v", err)
	}
}

// forget fills the range with filler again.
func (m memory) forget() {
	copy(m.data, bytes.Repeat([]byte{filler}, len(m.data)))
}

// wantWritten checks that the range begins with want, and that no other byte of
// the page was written.
func (m memory) wantWritten(want, call string) {
	m.tb.Helper()
	end := m.offset + len(want)
	for i, b := range m.page {
		if b != filler && i < m.offset {
			m.tb.Fatalf("%s: byte %d before the buffer was written: %q", call, m.offset-i, b)
		}
		if b != filler && i >= end {
			m.tb.Fatalf("%s: wrote past the %d bytes it may write: byte %d is %q", call, len(want), i-m.offset, b)
		}
	}
	if got := m.page[m.offset:end]; !bytes.Equal(got, []byte(want)) {
		m.tb.Fatalf("%s: got %q, want %q", call, got, want)
	}
}

// An address is an address that a system call must not access.
type address struct {
	name string
	at   uintptr
}

// badAddresses returns addresses at which a process can neither read nor write. On s390x a process has
// an address space without the kernel, so what is at the kernel's addresses is the process's own.
func badAddresses(tb testing.TB) []address {
	tb.Helper()
	out := []address{
		{"NULL", 0},
		{"unmapped memory", unmapped(tb)},
		{"memory without access", afterGuard(tb, 0).address - 1},
	}
	for _, kernel := range []struct {
		name string
		at   uint64
	}{
		{"the highest page of a 32-bit process", 0xffff_f000},
		{"the last byte of 32 bits", 0xffff_ffff},
		{"the first address after a process", 0x7fff_ffff_f000},
		{"the kernel's half", 0xffff_8000_0000_0000},
		{"the kernel's code", kernelSymbol(tb, "_stext")},
		{"the highest page", 0xffff_ffff_ffff_f000},
		{"the last byte", 0xffff_ffff_ffff_ffff},
	} {
		if kernel.name == "the kernel's code" && runtime.GOARCH == "s390x" {
			continue
		}
		if at := uintptr(kernel.at); uint64(at) == kernel.at { // the others do not fit into an address of a 32-bit process
			out = append(out, address{kernel.name, at})
		}
	}
	return out
}

// unmapped returns the address of an unmapped page between two mapped ones, which
// prevent a larger mapping in its place.
func unmapped(tb testing.TB) uintptr {
	tb.Helper()
	pageSize := uintptr(unix.Getpagesize())
	pages, err := unix.MmapPtr(-1, 0, nil, 3*pageSize, unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		tb.Fatalf("map three pages: %v", err)
	}
	tb.Cleanup(func() { _ = unix.MunmapPtr(pages, 3*pageSize) })
	page := unsafe.Add(pages, pageSize)
	if err := unix.MunmapPtr(page, pageSize); err != nil {
		tb.Fatalf("unmap a page: %v", err)
	}
	return uintptr(page)
}

// kernelSymbol returns the address of a symbol of the running kernel or its
// modules.
func kernelSymbol(tb testing.TB, name string) uint64 {
	tb.Helper()
	file, err := os.Open("/proc/kallsyms")
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		field := strings.Fields(lines.Text())
		if len(field) < 3 || field[2] != name {
			continue
		}
		at, err := strconv.ParseUint(field[0], 16, 64)
		if err != nil || at == 0 {
			tb.Fatalf("find %s: %q: %v", name, lines.Text(), err)
		}
		return at
	}
	tb.Fatalf("find %s: not in /proc/kallsyms: %v", name, lines.Err())
	return 0
}
