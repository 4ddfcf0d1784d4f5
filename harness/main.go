// Package harness runs a package's tests inside a real Linux kernel: it boots a
// virtual machine, loads the kernel modules under test, runs the very same test
// binary inside, and hands back its output, its files and its exit code as if it
// had run here.
//
// A package joins with one function, and from then on its tests are plain Go
// tests that are run with go test:
//
//	func TestMain(m *testing.M) {
//		harness.Main(m, harness.Config{Modules: []string{"../kmod"}})
//	}
//
// Environment variables choose among what Config leaves open: KMODTEST_KERNEL
// names the kernel, KMODTEST_ACCEL (kvm, tcg) and KMODTEST_QEMU say how QEMU is
// run, and KMODTEST_KERNEL_LOG=1 prints the kernel's log of a passing run, too
// (any other value is a file that it is written to).
package harness

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"

	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// Main runs the tests of m inside a kernel, as config says, and exits with
// their exit code. It is to be called by TestMain, once, and does not return.
//
// The run passes only if the tests do, if the kernel's log shows no fault, if
// every module unloads afterwards, and if the guest then says that it is done.
// The process exits with the test binary's own code if that is all that went
// wrong, with 1 if a module does not build, load or unload, with 255 after a
// fault of the kernel, with 69 if the guest did not come up or the host's side
// broke, and with 128 and the signal's number if it was interrupted.
//
// Inside the guest, Main just runs the tests. Flags such as -test.list that run
// no test are answered without a machine.
func Main(m *testing.M, config Config) {
	if inGuest() {
		os.Exit(runInside(m))
	}
	_, source, _, _ := runtime.Caller(1)
	if !flag.Parsed() {
		flag.Parse()
	}
	if flagValue("test.list") != "" {
		os.Exit(m.Run())
	}
	os.Exit(runOutside(config, source))
}

func inGuest() bool {
	_, err := os.Stat(wire.GuestFile)
	return err == nil
}

// runInside runs the tests, and leaves their exit code for PID 1 as the proof
// that they came to their end.
func runInside(m *testing.M) int {
	path := os.Getenv(wire.ResultVariable)
	// The proof is this process's alone: not that of a child of a test.
	_ = os.Unsetenv(wire.ResultVariable)
	code := m.Run()
	if path != "" {
		if err := os.WriteFile(path, []byte(strconv.Itoa(code)), 0o644); err != nil {
			fmt.Fprintln(os.Stderr, prefix+"leave the tests' result:", err)
			return max(code, 1)
		}
	}
	return code
}

// runOutside runs the tests in a machine and returns the exit status.
func runOutside(config Config, source string) int {
	ctx, stop := untilInterrupted(context.Background())
	defer stop()
	r, err := newRun(config, source)
	if err == nil {
		err = r.do(ctx)
	}
	return conclude(os.Stderr, err)
}

// newRun collects what is known before anything is started.
func newRun(config Config, source string) (*run, error) {
	env, err := readEnvironment()
	if err != nil {
		return nil, err
	}
	cwd, err := os.Getwd()
	if err != nil {
		return nil, fmt.Errorf("find the working directory: %w", err)
	}
	binary, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find the test binary: %w", err)
	}
	dir := packageDir(source, cwd)
	if config, err = config.in(dir); err != nil {
		return nil, err
	}
	return &run{
		config: config,
		env:    env,
		dir:    dir,
		binary: binary,
		flags:  readTestFlags(os.Args[1:], cwd, dir),
		trace:  newTrace(),
		stdout: &lastWord{w: os.Stdout},
		stderr: os.Stderr,
	}, nil
}

// packageDir is where the source file that called Main lies. A binary that was
// built with -trimpath, or elsewhere, does not know; it is then taken to be
// where the go command starts a test binary, in the package's directory.
func packageDir(source, cwd string) string {
	if _, err := os.Stat(source); filepath.IsAbs(source) && err == nil {
		return filepath.Dir(source)
	}
	return cwd
}
