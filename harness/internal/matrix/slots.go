package matrix

import (
	"os"
	"runtime"
	"strconv"
	"strings"
)

// machineMemory is what one machine takes at most, in MiB: the guest's memory,
// QEMU's translated code, and the compiler before it.
const machineMemory = 1024

// machines is how many machines run at once.
func (w *work) machines() int {
	if w.options.Machines > 0 {
		return w.options.Machines
	}
	meminfo, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		meminfo = nil // all is left to the processors then
	}
	return capacity(runtime.GOMAXPROCS(0), string(meminfo))
}

// capacity is how many machines a number of processors and the memory that is
// available bear, at least one. Where more run than there are processors, each
// waits for others that hold its locks: all of it takes as long, and more work.
func capacity(processors int, meminfo string) int {
	n := processors
	for line := range strings.Lines(meminfo) {
		fields := strings.Fields(line)
		if len(fields) < 2 || fields[0] != "MemAvailable:" {
			continue
		}
		if kib, err := strconv.Atoi(fields[1]); err == nil {
			n = min(n, kib/1024/machineMemory)
		}
	}
	return max(n, 1)
}
