package pid1

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// taint is the kernel's taint, a set of bits; see
// Documentation/admin-guide/tainted-kernels.rst of the kernel.
type taint uint64

// readTaint returns the kernel's current taint.
func readTaint() (taint, error) {
	b, err := os.ReadFile("/proc/sys/kernel/tainted")
	if err != nil {
		return 0, fmt.Errorf("read the kernel's taint: %w", err)
	}
	bits, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("read the kernel's taint: %w", err)
	}
	return taint(bits), nil
}

// faults are the bits that stand for faults. The others stand for what was loaded or
// configured, which tests may do.
var faults = []struct {
	bit  int
	what string
}{
	{4, "machine check (M)"},
	{5, "bad page (B)"},
	{7, "oops or BUG (D)"},
	{9, "warning (W)"},
	{14, "soft lockup (L)"},
}

// since returns the faults in t that are not in before.
func (t taint) since(before taint) []string {
	var found []string
	for _, fault := range faults {
		if (t&^before)&(1<<fault.bit) != 0 {
			found = append(found, fault.what)
		}
	}
	return found
}
