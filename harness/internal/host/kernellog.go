package host

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"github.com/kmodtest/kmodtest/harness/internal/machine"
	"github.com/kmodtest/kmodtest/harness/internal/verdict"
)

// kernelLogs prints the kernel logs of a run's machines. Its methods may be
// called by several goroutines at once.
type kernelLogs struct {
	mu  sync.Mutex // also of the file
	all strings.Builder
}

// print writes the kernel log of a machine. where is the value of
// KMODTEST_KERNEL_LOG: 1 means w, and any other value a file. If it is empty, print
// writes the end of the log to w if the machine's job failed. name is the machine's
// name; "" if there is only one.
func (k *kernelLogs) print(where string, w io.Writer, outcome machine.Outcome, failed bool, name string) error {
	of := ""
	if name != "" {
		of = " of " + name
	}
	switch {
	case where == "1":
		return writeOutput(w, []byte(verdict.Prefix+"kernel log"+of+":\n"+outcome.KernelLog()))
	case where != "":
		text := outcome.KernelLog()
		if name != "" {
			text = verdict.Prefix + name + "\n" + text
		}
		return k.append(where, text)
	case failed:
		if tail := outcome.KernelLogTail(); tail != "" {
			return writeOutput(w, fmt.Appendf(nil, "%skernel log%s since the modules were loaded (at most %d lines):\n%s\n",
				verdict.Prefix, of, machine.LogTailLines, tail))
		}
	}
	return nil
}

// append adds text to the file at path.
func (k *kernelLogs) append(path, text string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.all.WriteString(text)
	if err := os.WriteFile(path, []byte(k.all.String()), 0o644); err != nil {
		return verdict.Failf(verdict.HostBroke, err, "write the kernel log to KMODTEST_KERNEL_LOG")
	}
	return nil
}
