package pid1

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/kmodtest/kmodtest/harness/internal/inside"
	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// headStart returns how long before the tests' timeout the kernel is asked for its
// state: when the test binary itself notices the timeout, the state that it was
// stuck in may be gone. It counts from the start of the process; the binary starts to
// count a little later. The longer the timeout, the more likely is it that the whole
// machine was halted for a while at that moment.
func headStart(timeout time.Duration) time.Duration {
	return min(max(timeout/20, 200*time.Millisecond), 2*time.Second, timeout/2)
}

// accountWhenLate makes the kernel log its state, if the tests still run shortly
// before their timeout.
func accountWhenLate(work wire.Work, pid int) {
	timeout := time.Duration(work.Timeout)
	if timeout <= 0 {
		return
	}
	time.AfterFunc(timeout-headStart(timeout), func() {
		// Without the account the log is shorter; nothing else depends on it.
		_ = account(work.Mark, pid)
	})
}

// account writes to the kernel log, between two marks, where the threads of process
// pid are in the kernel, and makes the kernel log the state of processors and tasks.
func account(word string, pid int) error {
	marks, err := inside.NewMarker(inside.KernelLog, word)
	if err != nil {
		return err
	}
	defer func() { _ = marks.Close() }()
	if err := marks.Write(inside.MarkDump, "begin"); err != nil {
		return err
	}
	log, err := os.OpenFile(inside.KernelLog, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer log.Close()
	for _, line := range stacks(pid) {
		if _, err := fmt.Fprintf(log, "<6>%s\n", line); err != nil {
			return err
		}
	}
	// The processors, the blocked tasks and, if the kernel has lockdep, the locks
	// that are held.
	for _, key := range []string{"l", "w", "d"} {
		if err := os.WriteFile("/proc/sysrq-trigger", []byte(key), 0); err != nil {
			return err
		}
	}
	return marks.Write(inside.MarkDump, "end")
}

// idle are kernel functions in which idle threads of a Go program wait.
var idle = []string{"futex_wait", "ep_poll", "do_nanosleep", "do_signal_stop"}

// stacks returns the kernel stacks of the program's threads, except idle ones. It
// returns nothing if the kernel does not offer stacks.
func stacks(pid int) []string {
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stack", pid)) // the pattern is well formed
	var lines []string
	for _, path := range threads {
		text, err := os.ReadFile(path)
		if err != nil || len(text) == 0 || isIdle(string(text)) {
			continue
		}
		lines = append(lines, "thread "+filepath.Base(filepath.Dir(path))+" of the tests is in")
		for line := range strings.Lines(string(text)) {
			_, function, _ := strings.Cut(strings.TrimSpace(line), " ")
			lines = append(lines, "  "+function)
		}
	}
	return lines
}

// isIdle reports whether a stack is that of an idle thread.
func isIdle(stack string) bool {
	for _, function := range idle {
		if strings.Contains(stack, function) {
			return true
		}
	}
	return false
}
