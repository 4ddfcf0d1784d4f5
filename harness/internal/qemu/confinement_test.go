package qemu

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kmodtest/kmodtest/harness/internal/qmp"
)

// script writes a program that takes QEMU's place. It adds a line to the file starts each time it
// is started.
func script(t *testing.T, body string) (path, starts string) {
	t.Helper()
	dir := t.TempDir()
	path, starts = filepath.Join(dir, "qemu"), filepath.Join(dir, "starts")
	text := "#!/bin/sh\necho \"$@\" >>" + starts + "\n" + body + "\n"
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	return path, starts
}

// startsIn returns how often a script was started.
func startsIn(t *testing.T, path string) int {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(text), "\n")
}

func needSeccomp(t *testing.T) {
	t.Helper()
	if !hasSeccomp() {
		t.Skip("needs a host kernel with seccomp filters")
	}
}

func TestArgsIncludeSandbox(t *testing.T) {
	needSeccomp(t)
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	qemu, _ := script(t, "exit 0")
	args := argsOf(t, Config{Binary: qemu})
	if i := slices.Index(args, "-sandbox"); i < 0 || args[i+1] != sandbox {
		t.Errorf("got %q, want -sandbox %s included", args, sandbox)
	}
	if _, why := Confinement(qemu); why != "" {
		t.Errorf("QEMU that supports the sandbox: got reason %q", why)
	}
}

func TestDevicesLeaveSandboxOn(t *testing.T) {
	needSeccomp(t)
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	qemu, _ := script(t, "exit 0")
	added, err := ParseArguments([]string{"-device", "edu", "-netdev", "user,id=n"})
	if err != nil {
		t.Fatal(err)
	}
	args := argsOf(t, Config{Binary: qemu, Arguments: added.Words})
	if i := slices.Index(args, "-sandbox"); i < 0 || args[i+1] != sandbox || !slices.Contains(args, "edu") {
		t.Errorf("got %q, want -sandbox %s and the device", args, sandbox)
	}
}

func TestQEMUWithoutSandboxHasReason(t *testing.T) {
	needSeccomp(t)
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	qemu, starts := script(t, "echo 'sandbox: Invalid parameter' >&2; exit 1")
	for range 2 { // first from QEMU, then from the cache
		args := argsOf(t, Config{Binary: qemu})
		if slices.Contains(args, "-sandbox") {
			t.Errorf("got %q, want no -sandbox", args)
		}
		_, why := Confinement(qemu)
		if want := qemu + " does not support -sandbox: sandbox: Invalid parameter"; why != want {
			t.Errorf("got %q, want %q", why, want)
		}
	}
	if n := startsIn(t, starts); n != 1 {
		t.Errorf("QEMU was started %d times, want 1", n)
	}
}

func TestChangedQEMUIsProbedAgain(t *testing.T) {
	needSeccomp(t)
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	qemu, starts := script(t, "exit 0")
	for want := range 2 {
		if err := os.Chtimes(qemu, time.Time{}, time.Unix(int64(want), 0)); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			Confinement(qemu)
		}
		if n := startsIn(t, starts); n != want+1 {
			t.Errorf("QEMU was started %d times, want %d", n, want+1)
		}
	}
}

func TestKilledProbeIsRepeated(t *testing.T) {
	needSeccomp(t)
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	qemu, starts := script(t, "kill -9 $$")
	for range 2 {
		if args, why := Confinement(qemu); args != nil || !strings.Contains(why, "signal: killed") {
			t.Errorf("got %q, %q", args, why)
		}
	}
	if n := startsIn(t, starts); n != 2 {
		t.Errorf("QEMU was started %d times, want 2", n)
	}
}

func TestConfinementOfMissingQEMU(t *testing.T) {
	needSeccomp(t)
	if args, why := Confinement("qemu-system-none"); args != nil || !strings.Contains(why, "QEMU is missing") {
		t.Errorf("got %q, %q", args, why)
	}
}

// endlessKernel writes a boot image whose first instruction jumps to itself.
func endlessKernel(t *testing.T) string {
	t.Helper()
	image := make([]byte, 4096)
	image[0x1f1] = 1 // sectors of real-mode code
	copy(image[0x200:], "\xeb\xfe")
	copy(image[0x202:], "HdrS")
	binary.LittleEndian.PutUint16(image[0x206:], 0x20c)      // version of the protocol
	image[0x211] = 1                                         // the rest is loaded at 1 MiB
	binary.LittleEndian.PutUint32(image[0x22c:], 0x37ffffff) // highest address of the initramfs
	path := filepath.Join(t.TempDir(), "kernel")
	if err := os.WriteFile(path, image, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// seccompFilters returns the number of a process's seccomp filters.
func seccompFilters(t *testing.T, pid int) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if value, ok := strings.CutPrefix(line, "Seccomp_filters:"); ok {
			n, err := strconv.Atoi(strings.TrimSpace(value))
			if err != nil {
				t.Fatal(err)
			}
			return n
		}
	}
	t.Skip("needs Linux 5.9, which counts a process's seccomp filters")
	return 0
}

func TestStartedQEMUIsConfined(t *testing.T) {
	const program = "qemu-system-x86_64"
	needSeccomp(t)
	if _, err := exec.LookPath(program); err != nil {
		t.Fatalf("this test starts QEMU, which make deps installs: %v", err)
	}
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	t.Setenv("KMODTEST_SECRET", "a password")
	initramfs := filepath.Join(t.TempDir(), "initramfs")
	if err := os.WriteFile(initramfs, make([]byte, 512), 0o644); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	p, err := Start(ctx, Config{Arch: "amd64", Binary: program, Accel: TCG, Kernel: endlessKernel(t), Initramfs: initramfs}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Stop()
	// QEMU replies once it is set up, including the sandbox.
	if err := p.converse(ctx, func(m *qmp.Client) error { return m.Run("query-status", nil) }); err != nil {
		t.Fatalf("%v; QEMU printed %q", err, p.Said())
	}
	// Processes inherit filters: this one may have some, in a container.
	if own, its := seccompFilters(t, os.Getpid()), seccompFilters(t, p.PID()); its <= own {
		t.Errorf("QEMU has %d seccomp filters and this process %d, want more in QEMU", its, own)
	}
	env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", p.PID()))
	if err != nil || !strings.Contains(string(env), "LANG=C\x00") || strings.Contains(string(env), "KMODTEST_SECRET") {
		t.Errorf("the environment of QEMU: %v, %q", err, env)
	}
}
