package harness_test

import (
	"context"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience is how long a machine may take to come up on a loaded host.
const patience = 2 * time.Minute

// startLongRun starts a test that does not end by itself, and returns when it
// runs in the guest.
func startLongRun(t *testing.T, name string, args ...string) *command {
	t.Helper()
	c := newCommand(t, nil, name, args...)
	out := &watched{}
	c.Stdout = out
	c.startAndAwait(t, out, "it runs")
	return c
}

// startAndAwait starts c, and waits until out, one of its streams, has a text.
func (c *command) startAndAwait(t *testing.T, out *watched, text string) {
	t.Helper()
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	awaitOutput(ctx, t, out, text)
}

func longRun(t *testing.T) *command {
	t.Helper()
	return startLongRun(t, binary(t, "red"), "-test.run=^TestRunsLong$")
}

// one returns the process ID of the only process of c with text in its command
// line.
func (c *command) one(t *testing.T, text string) int {
	t.Helper()
	found := c.processes(text)
	if len(found) != 1 {
		t.Fatalf("processes with %q: %q, want one", text, found)
	}
	pid, err := strconv.Atoi(strings.Fields(found[0])[0])
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

func TestInterruptEndsMachine(t *testing.T) {
	// Under nohup, the hangup of these tests is ignored. A program does not inherit a signal that is caught.
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, syscall.SIGHUP)
	t.Cleanup(func() { signal.Stop(caught) })
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		t.Run(sig.String(), func(t *testing.T) {
			t.Parallel()
			c := longRun(t)
			if err := c.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			_ = c.Wait() // its status is checked next
			if got := c.ProcessState.ExitCode(); got != 128+int(sig) {
				t.Errorf("exit status %d, want %d", got, 128+int(sig))
			}
			if !strings.Contains(c.stderr.String(), "interrupted ("+sig.String()+")") {
				t.Errorf("standard error does not say that it was interrupted: %q", c.stderr.String())
			}
		})
	}
}

// A run that was started by nohup survives the hangup of its terminal. The test
// sends SIGTERM after SIGHUP: the exit status shows that only SIGTERM had an effect.
func TestIgnoredHangupDoesNotEndMachine(t *testing.T) {
	t.Parallel()
	c := startLongRun(t, "nohup", binary(t, "red"), "-test.v", "-test.run=^TestRunsLong$")
	for _, sig := range []syscall.Signal{syscall.SIGHUP, syscall.SIGTERM} {
		if err := c.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
	}
	_ = c.Wait() // its status is checked next
	if got := c.ProcessState.ExitCode(); got != 128+int(syscall.SIGTERM) {
		t.Errorf("exit status %d, want %d", got, 128+int(syscall.SIGTERM))
	}
}

func TestKilledTestBinaryLeavesNoMachine(t *testing.T) {
	t.Parallel()
	c := longRun(t)
	c.one(t, "qemu-system")
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = c.Wait() // it was killed; newCommand checks what it has left
}

func TestKilledGoCommandLeavesNoMachine(t *testing.T) {
	t.Parallel()
	c := startLongRun(t, "go", "test", "-v", "-count=1", "-run=^TestRunsLong$", "./testdata/red")
	c.one(t, "qemu-system")
	if err := c.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = c.Wait()
	if left := c.awaitProcesses(0); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
	// The test ignores temporary files of the killed go command itself.
	if err := os.RemoveAll(c.tmp); err != nil {
		t.Error(err)
	}
	if err := os.Mkdir(c.tmp, 0o755); err != nil {
		t.Error(err)
	}
}

func TestEndedQEMUFailsRun(t *testing.T) {
	t.Parallel()
	for signal, want := range map[syscall.Signal][]string{
		syscall.SIGKILL: {"QEMU ended before the guest was done: signal: killed", "QEMU was killed: the host"},
		// QEMU handles this signal, and then exits with status 0.
		syscall.SIGTERM: {"host side broke: QEMU ended before the guest was done: qemu-system-x86_64: terminating on signal 15"},
	} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			c := longRun(t)
			if err := syscall.Kill(c.one(t, "qemu-system"), signal); err != nil {
				t.Fatal(err)
			}
			_ = c.Wait() // its status is checked next
			if got := c.ProcessState.ExitCode(); got != 69 {
				t.Errorf("exit status %d, want 69", got)
			}
			for _, want := range want {
				if !strings.Contains(c.stderr.String(), want) {
					t.Errorf("standard error does not say %q:\n%s", want, c.stderr.String())
				}
			}
		})
	}
}

// The go command requests the goroutines with SIGQUIT when a test takes too long.
func TestQuitDumpsGuestsGoroutines(t *testing.T) {
	t.Parallel()
	c := longRun(t)
	if err := c.Process.Signal(syscall.SIGQUIT); err != nil {
		t.Fatal(err)
	}
	_ = c.Wait() // its status is checked next
	out := c.Stdout.(*watched).String() + c.stderr.String()
	if c.ProcessState.ExitCode() != 2 || !strings.Contains(out, "SIGQUIT: quit") || !strings.Contains(out, "red.TestRunsLong") {
		t.Errorf("exit status %d, want 2; the output has no dump of the test:\n%s", c.ProcessState.ExitCode(), out)
	}
}
