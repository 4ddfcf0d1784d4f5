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

// headStart is how long before the tests' time is over the kernel is asked what
// it is doing: when the test binary itself notices, what it was stuck in may be
// gone. It counts from the binary's start; the binary, from a little later. The
// longer the time, the more likely that the whole machine was halted for a while
// just then.
func headStart(timeout time.Duration) time.Duration {
	return min(max(timeout/20, 200*time.Millisecond), 2*time.Second, timeout/2)
}

// accountWhenLate has the kernel tell in its log what it is doing, if the tests
// run up to their timeout.
func accountWhenLate(work wire.Work, pid int) {
	timeout := time.Duration(work.Timeout)
	if timeout == 0 {
		return
	}
	time.AfterFunc(timeout-headStart(timeout), func() {
		// There is nobody to tell that it did not work, but the log without it.
		_ = account(work.Mark, pid)
	})
}

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
	// The processors, the tasks that are blocked, and, where the kernel knows
	// them, the locks that are held.
	for _, key := range []string{"l", "w", "d"} {
		if err := os.WriteFile("/proc/sysrq-trigger", []byte(key), 0); err != nil {
			return err
		}
	}
	return marks.Write(inside.MarkDump, "end")
}

// idle are functions in which threads of a Go program wait when they have nothing
// to do.
var idle = []string{"futex_wait", "ep_poll", "do_nanosleep", "do_signal_stop"}

// stacks returns where in the kernel the threads of the program are, but for
// those that just wait for work. A kernel that keeps no stacks has none.
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

func isIdle(stack string) bool {
	for _, function := range idle {
		if strings.Contains(stack, function) {
			return true
		}
	}
	return false
}
