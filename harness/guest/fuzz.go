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

// FuzzInput makes go test -fuzz find inputs that break the kernel. The fuzzed function
// calls it first, with all of its arguments except the *testing.T:
//
//	f.Fuzz(func(t *testing.T, data []byte, flags uint) {
//		guest.FuzzInput(t, data, flags)
//		…
//	})
//
// An input then fails if the kernel reports a fault while it is tried, so go test keeps
// it in testdata/fuzz. An input that kills or hangs the kernel is kept there as well, if
// its corpus file has at most about 128 KiB. Faults that Config.Allow or AllowKernelLog,
// called with the *testing.F, permit do not count. Without -fuzz FuzzInput does nothing:
// a fault fails the test anyway. An argument of a type that cannot be fuzzed ends the
// test.
//
// A fault report does not name the process that caused it. With -parallel=1 only one
// input is tried at a time.
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

// fuzzes reports whether this process is a fuzz worker, which tries one input after the
// other.
func fuzzes() bool {
	worker := flag.Lookup("test.fuzzworker")
	return worker != nil && worker.Value.String() == "true"
}

// fuzzWorker is the state of a fuzz worker.
type fuzzWorker struct {
	memory []byte // holds an inside.Input
	log    *KernelLog
}

// fuzzed is the worker of this process. It is global because FuzzInput has no access to
// a value that outlives a single input.
var fuzzed *fuzzWorker

// allowedFaults are the patterns of AllowKernelLog and Config.Allow in a fuzz worker,
// which runs a single fuzz target.
var allowedFaults []*regexp.Regexp

// stayFile is a sysctl that, if 0, keeps the kernel from moving locked pages. Kernels
// that never move them do not have it (Documentation/admin-guide/sysctl/vm.rst).
const stayFile = "/proc/sys/vm/compact_unevictable_allowed"

// newFuzzWorker allocates locked memory for the inputs, and announces its place in the
// kernel log.
func newFuzzWorker(t *testing.T) (w *fuzzWorker, err error) {
	const size = inside.InputPages * inside.PageSize
	if err := os.WriteFile(stayFile, []byte("0"), 0); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	memory, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_ANONYMOUS|unix.MAP_POPULATE)
	if err != nil {
		return nil, fmt.Errorf("allocate memory for the input: %w", err)
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

// physicalPages returns the page frame numbers of memory, from /proc/self/pagemap
// (Documentation/admin-guide/mm/pagemap.rst).
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
			return nil, errors.New("the kernel hides the physical address of the input's memory: it requires CAP_SYS_ADMIN")
		}
		pages = append(pages, page&number)
	}
	return pages, nil
}

// check fails the input if the kernel has reported a fault since the previous check.
func (w *fuzzWorker) check(t *testing.T) {
	t.Helper()
	w.log.tb = t
	for _, f := range klog.Faults(w.log.next()) {
		if !slices.ContainsFunc(allowedFaults, f.Matches) {
			t.Errorf("kernel fault (%s): %s", f.Kind, f.Title)
		}
	}
}

// corpusFile returns an input in the format of package testing's corpus files. It returns
// an error for a type that cannot be fuzzed.
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
			return "", fmt.Errorf("type %T cannot be fuzzed", arg)
		}
	}
	return b.String(), nil
}
