package guest

import (
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"math"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/internal/inside"
	"github.com/kmodtest/kmodtest/harness/internal/klog"
)

// FuzzInput makes go test -fuzz find inputs that break the kernel. The function
// that is fuzzed calls it first, with all of its arguments but the first:
//
//	f.Fuzz(func(t *testing.T, data []byte, flags uint) {
//		guest.FuzzInput(t, data, flags)
//		…
//	})
//
// An input during which the kernel reports a fault then fails, and so is kept in
// testdata/fuzz. So is one that the kernel dies or hangs of, if it takes no more
// than about 128 KiB there. Faults that AllowKernelLog allows, called with the
// *testing.F, and those of Config.Allow do not count. Where nothing is fuzzed it
// does nothing: a fault fails the test in any case.
//
// The kernel does not say which process a fault is about; with -parallel=1 it can
// be none but the one that is fuzzed.
func FuzzInput(t *testing.T, args ...any) {
	t.Helper()
	require(t)
	if !fuzzes() {
		return
	}
	if fuzzed == nil {
		w, err := newFuzzWorker(t)
		if err != nil {
			t.Fatalf("FuzzInput: %v", err)
		}
		fuzzed = w
	}
	text, err := corpusFile(args)
	if err != nil {
		t.Fatalf("FuzzInput: %v", err)
	}
	inside.PutInput(fuzzed.memory, text)
	t.Cleanup(func() {
		t.Helper()
		inside.EndInput(fuzzed.memory)
		fuzzed.check(t)
	})
}

// fuzzes tells whether this process tries inputs, one after the other.
func fuzzes() bool {
	worker := flag.Lookup("test.fuzzworker")
	return worker != nil && worker.Value.String() == "true"
}

// fuzzWorker is what a process that fuzzes has for that.
type fuzzWorker struct {
	memory []byte // of inside.Input
	log    *KernelLog
}

// fuzzed is that of this process: no value lives as long as its inputs do that
// FuzzInput could get at.
var fuzzed *fuzzWorker

// allowedFaults are those of AllowKernelLog in this process, if it fuzzes: then
// it runs one fuzz target.
var allowedFaults []*regexp.Regexp

// stayFile keeps the kernel from moving locked pages, with a 0 in it. Kernels
// that never do so do not have it (Documentation/admin-guide/sysctl/vm.rst).
const stayFile = "/proc/sys/vm/compact_unevictable_allowed"

func newFuzzWorker(t *testing.T) (w *fuzzWorker, err error) {
	const size = inside.InputPages * inside.PageSize
	if err := os.WriteFile(stayFile, []byte("0"), 0); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	memory, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_ANONYMOUS|unix.MAP_POPULATE)
	if err != nil {
		return nil, fmt.Errorf("get memory for the input: %w", err)
	}
	defer func() {
		if err != nil {
			_ = unix.Munmap(memory)
		}
	}()
	if err := unix.Mlock(memory); err != nil {
		return nil, fmt.Errorf("lock the input's memory: %w", err)
	}
	pages, err := physicalPages(memory)
	if err != nil {
		return nil, err
	}
	target, _, _ := strings.Cut(t.Name(), "/")
	for _, pattern := range inside.Allowed {
		allowed, err := regexp.Compile(pattern)
		if err != nil {
			return nil, err
		}
		allowedFaults = append(allowedFaults, allowed)
	}
	mark(t, "", inside.MarkInput, inside.MarkedName(target), inside.InputPlace(pages))
	fd, err := openKernelLog()
	return &fuzzWorker{memory: memory, log: &KernelLog{tb: t, fd: fd}}, err
}

// physicalPages are the numbers of the pages that hold memory, by
// /proc/self/pagemap (Documentation/admin-guide/mm/pagemap.rst).
func physicalPages(memory []byte) ([]uint64, error) {
	const entry, present, number = 8, 1 << 63, 1<<55 - 1
	f, err := os.Open("/proc/self/pagemap")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	entries := make([]byte, len(memory)/inside.PageSize*entry)
	first := int64(uintptr(unsafe.Pointer(&memory[0]))) / inside.PageSize
	if _, err := f.ReadAt(entries, first*entry); err != nil {
		return nil, fmt.Errorf("find the input's memory: %w", err)
	}
	var pages []uint64
	for e := range slices.Chunk(entries, entry) {
		page := binary.LittleEndian.Uint64(e)
		if page&present == 0 || page&number == 0 {
			return nil, errors.New("the kernel does not say where the input's memory is: that takes CAP_SYS_ADMIN")
		}
		pages = append(pages, page&number)
	}
	return pages, nil
}

// check fails the input if the kernel has reported a fault since the one before.
func (w *fuzzWorker) check(t *testing.T) {
	t.Helper()
	w.log.tb = t
	for _, f := range klog.Faults(w.log.next()) {
		if !slices.ContainsFunc(allowedFaults, f.Matches) {
			t.Errorf("kernel fault (%s): %s", f.Kind, f.Title)
		}
	}
}

// corpusFile is an input as a file of the corpus of package testing.
func corpusFile(args []any) (string, error) {
	var b strings.Builder
	b.WriteString("go test fuzz v1\n")
	for _, arg := range args {
		switch v := arg.(type) {
		case []byte:
			fmt.Fprintf(&b, "[]byte(%q)\n", v)
		case string:
			fmt.Fprintf(&b, "string(%q)\n", v)
		case float32:
			if f := float64(v); math.IsNaN(f) || math.IsInf(f, 0) {
				fmt.Fprintf(&b, "math.Float32frombits(0x%x)\n", math.Float32bits(v))
				continue
			}
			fmt.Fprintf(&b, "float32(%v)\n", v)
		case float64:
			if math.IsNaN(v) || math.IsInf(v, 0) {
				fmt.Fprintf(&b, "math.Float64frombits(0x%x)\n", math.Float64bits(v))
				continue
			}
			fmt.Fprintf(&b, "float64(%v)\n", v)
		case bool, int, int8, int16, int32, int64, uint, uint8, uint16, uint32, uint64:
			fmt.Fprintf(&b, "%T(%v)\n", v, v)
		default:
			return "", fmt.Errorf("a %T is nothing that can be fuzzed", arg)
		}
	}
	return b.String(), nil
}
