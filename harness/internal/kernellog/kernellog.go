// Package kernellog prints the kernel logs of the machines of a run, or writes them to a file.
package kernellog

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/kmodtest/kmodtest/harness/internal/dmesg"
	"github.com/kmodtest/kmodtest/harness/internal/machine"
	"github.com/kmodtest/kmodtest/harness/internal/verdict"
)

// Logs are the kernel logs of a run's machines. The zero value is ready for use. Its
// methods may be called by several goroutines at once.
type Logs struct {
	mu    sync.Mutex // also of the file
	begun bool       // the file has the log of a machine of this run
}

// Print writes the kernel log of a machine. where is the value of
// KMODTEST_KERNEL_LOG: 1 means w, and any other value a file. If it is empty, Print
// writes the end of the log to w if the machine's job failed. name is the machine's
// name; "" if there is only one.
func (k *Logs) Print(where string, w io.Writer, outcome machine.Outcome, failed bool, name string) error {
	of := ""
	if name != "" {
		of = " of " + name
	}
	switch {
	case where == "1":
		_, err := io.WriteString(w, verdict.Prefix+"kernel log"+of+":\n")
		if err == nil {
			err = outcome.WriteKernelLog(w)
		}
		if err != nil {
			return fmt.Errorf("write the kernel log: %w", err)
		}
	case where != "":
		if err := k.append(where, name, outcome.WriteKernelLog); err != nil {
			return verdict.Failf(verdict.HostBroke, err, "write the kernel log to KMODTEST_KERNEL_LOG")
		}
	case failed:
		if tail := outcome.KernelLogTail(); tail != "" {
			_, err := fmt.Fprintf(w, "%skernel log%s since the modules were loaded (at most %d lines):\n%s\n",
				verdict.Prefix, of, dmesg.TailLines, tail)
			if err != nil {
				return fmt.Errorf("write the kernel log: %w", err)
			}
		}
	}
	return nil
}

// append adds a kernel log to the file at path. The first log of a run replaces the
// file.
func (k *Logs) append(path, name string, write func(io.Writer) error) (err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	mode := os.O_WRONLY | os.O_CREATE | os.O_APPEND
	if !k.begun {
		mode |= os.O_TRUNC
	}
	f, err := os.OpenFile(path, mode, 0o644)
	if err != nil {
		return err
	}
	k.begun = true
	defer func() { err = errors.Join(err, f.Close()) }()
	if name != "" {
		if _, err := fmt.Fprintf(f, "%s%s\n", verdict.Prefix, name); err != nil {
			return err
		}
	}
	return write(f)
}
