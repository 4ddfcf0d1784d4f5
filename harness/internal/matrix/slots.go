package matrix

import (
	"os"
	"runtime"
	"strconv"
	"strings"
)

// machineMemory is the most that one machine needs, in MiB: the guest's memory,
// QEMU's translated code, and the compiler before it.
const machineMemory = 1024

// machines returns how many machines run at once.
func (w *work) machines() int {
	if w.options.Machines > 0 {
		return w.options.Machines
	}
	meminfo, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		meminfo = nil // then the number of processors decides
	}
	return capacity(runtime.GOMAXPROCS(0), string(meminfo))
}

// capacity returns how many machines can run at once on a number of processors
// and with the available memory: at least one. With more machines than
// processors, guests spin on locks whose holders do not run: the matrix is not
// faster and takes more processor time.
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
