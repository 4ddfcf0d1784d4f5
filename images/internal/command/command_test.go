package command

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func shell(script string) Command { return Command{Path: "/bin/sh", Args: []string{"-c", script}} }

func TestRunReturnsStdout(t *testing.T) {
	out, err := shell("echo $LC_ALL; cat").Run(t.Context())
	if err != nil || string(out) != "C\n" {
		t.Fatalf("got %q, %v", out, err)
	}
}

func TestRunFailureHasStderr(t *testing.T) {
	_, err := shell("echo why >&2; exit 3").Run(t.Context())
	var failed *Error
	if !errors.As(err, &failed) || failed.Stderr != "why" {
		t.Fatalf("got %v", err)
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 3 {
		t.Errorf("the error does not wrap the exit status: %v", err)
	}
	if errors.Is(err, unix.ENOSPC) {
		t.Error("got ENOSPC, but the disk is not full")
	}
}

func TestRunFailureShortensStderr(t *testing.T) {
	_, err := shell("for i in $(seq 1000); do echo line $i; done >&2; exit 1").Run(t.Context())
	for _, want := range []string{"line 1\n", "…", "line 1000"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q lacks %q", err, want)
		}
	}
	if lines := strings.Count(err.Error(), "\n"); lines > 12 {
		t.Errorf("the error has %d lines", lines)
	}
}

func TestRunReportsFullDisk(t *testing.T) {
	_, err := shell("head -c 1 /dev/zero > /dev/full").Run(t.Context())
	if !errors.Is(err, unix.ENOSPC) {
		t.Fatalf("got %v, want ENOSPC", err)
	}
}

func TestRunOfMissingProgram(t *testing.T) {
	_, err := Command{Path: "/nonexistent/program"}.Run(t.Context())
	if !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("got %v", err)
	}
}

func TestFind(t *testing.T) {
	t.Setenv("PATH", "/nonexistent")
	if path, err := Find("depmod", "kmod"); err != nil || filepath.Base(path) != "depmod" {
		t.Errorf("program in sbin: got %q, %v", path, err)
	}
	_, err := Find("no-such-program", "some-package")
	var missing *MissingError
	if !errors.As(err, &missing) || !strings.Contains(err.Error(), "some-package") {
		t.Errorf("got %v, want *MissingError", err)
	}
}

// pidIn waits until a file holds a process ID, and returns it.
func pidIn(t *testing.T, path string) int {
	t.Helper()
	for start := time.Now(); time.Since(start) < 20*time.Second; time.Sleep(5 * time.Millisecond) {
		text, err := os.ReadFile(path)
		if pid, convErr := strconv.Atoi(strings.TrimSpace(string(text))); err == nil && convErr == nil {
			return pid
		}
	}
	t.Fatalf("no process wrote its ID to %s", path)
	return 0
}

// assertEnds fails the test unless a process ends soon. It accepts a zombie.
func assertEnds(t *testing.T, pid int) {
	t.Helper()
	for start := time.Now(); time.Since(start) < 10*time.Second; time.Sleep(5 * time.Millisecond) {
		stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
		if err != nil || bytes.Contains(stat, []byte(") Z ")) {
			return
		}
	}
	_ = syscall.Kill(pid, syscall.SIGKILL)
	t.Errorf("process %d still exists", pid)
}

func TestRunKillsGrandchildrenWhenContextEnds(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pid")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		_, err := shell("sleep 1000 & echo $! > " + file + "; wait").Run(ctx)
		done <- err
	}()
	pid := pidIn(t, file)
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context canceled", err)
	}
	assertEnds(t, pid)
}

// TestRunEndsWithItsParent runs a command in another process and kills that process.
func TestRunEndsWithItsParent(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pid")
	parent := exec.Command(os.Args[0], "-test.run=^TestParentThatIsKilled$")
	parent.Env = append(os.Environ(), "COMMAND_TEST_PID_FILE="+file)
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	pid := pidIn(t, file)
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait() // the error reports the kill
	assertEnds(t, pid)
}

// TestParentThatIsKilled runs in the other process of TestRunEndsWithItsParent. On its own it tests
// that a deadline ends a command.
func TestParentThatIsKilled(t *testing.T) {
	file, wait := os.Getenv("COMMAND_TEST_PID_FILE"), time.Minute
	if file == "" {
		file, wait = filepath.Join(t.TempDir(), "pid"), 50*time.Millisecond
	}
	ctx, cancel := context.WithTimeout(t.Context(), wait)
	defer cancel()
	if _, err := shell("echo $$ > " + file + "; exec sleep 1000").Run(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want deadline exceeded", err)
	}
}
