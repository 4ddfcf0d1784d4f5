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
// Environment variables come before what Config says: KMODTEST_KERNEL names the
// kernel, KMODTEST_FRESH (test, off) whether each test has a machine of its own.
// KMODTEST_ACCEL (kvm, tcg) and KMODTEST_QEMU say how QEMU is run, and
// KMODTEST_KERNEL_LOG=1 prints the kernel's log of a passing run, too (any other
// value is a file that it is written to). The README has all of them.
package harness

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/kmodtest/kmodtest/harness/internal/events"
	"github.com/kmodtest/kmodtest/harness/internal/gobuild"
	"github.com/kmodtest/kmodtest/harness/internal/inside"
	"github.com/kmodtest/kmodtest/harness/internal/interrupt"
	"github.com/kmodtest/kmodtest/harness/internal/request"
	"github.com/kmodtest/kmodtest/images/cache"
)

// A thread that a test has changed for good ends together with the goroutine
// that is locked to it. Not so a process's first thread: the runtime lets it
// stay, and with it what it holds, such as a network namespace. So in a guest
// that one is for the goroutine that runs TestMain, which only an init can
// arrange.
func init() {
	if inside.Guest() {
		runtime.LockOSThread()
	}
}

// Main runs the tests of m inside a kernel, as config says, and exits with
// their exit code. It is to be called by TestMain, once, and does not return.
// What runs before it (inits, the beginning of TestMain) runs on the host, too,
// where there is no file /run/kmodtest/guest.
//
// The run passes only if the tests do, if the kernel's log shows no fault, if
// every module unloads afterwards, and if the guest then says that it is done.
// The process exits with the test binary's own code if that is all that went
// wrong, with 1 if a module does not build, load or unload, if a program of
// Config does not build, or if the tests were killed, left before their end or
// have spent Config.Machines on faults that they expected, with 255 after a
// fault of the kernel, with 69 if the guest did not come up or was lost without
// a report of the kernel's, the host's side broke or config is not valid, and
// with 128 and the signal's number if it was interrupted.
//
// Inside the guest, Main just runs the tests. Flags such as -test.list that run
// no test are answered without a machine.
func Main(m *testing.M, config Config) {
	if inside.Guest() {
		os.Exit(runInside(m, config))
	}
	started := time.Now()
	from := findCallers()
	if !flag.Parsed() {
		flag.Parse()
	}
	if os.Getenv(request.PlanVariable) != "" {
		os.Exit(answerPlan(m))
	}
	if flag.Lookup("test.list").Value.String() != "" {
		os.Exit(m.Run())
	}
	os.Exit(runOutside(config, from, started))
}

// runInside runs the tests, and leaves their exit code for PID 1 as the proof
// that they came to their end.
func runInside(m *testing.M, config Config) int {
	inside.Allowed = config.Allow
	path := os.Getenv(inside.ResultVariable)
	word, turns := os.Getenv(inside.MarkVariable), os.Getenv(inside.TurnsVariable)
	// These are for this process alone: not for a child of a test.
	for _, name := range []string{inside.ResultVariable, inside.MarkVariable, inside.TurnsVariable} {
		_ = os.Unsetenv(name)
	}
	if word != "" {
		if err := tell(m, word, turns); err != nil {
			fmt.Fprintf(os.Stderr, "%sa fault of the kernel can not be blamed on the test that caused it: %v\n", prefix, err)
		}
	}
	code := m.Run()
	if path != "" {
		if err := os.WriteFile(path, []byte(strconv.Itoa(code)), 0o644); err != nil {
			fmt.Fprintln(os.Stderr, prefix+"leave the tests' result:", err)
			return max(code, 1)
		}
	}
	return code
}

// tell has the host, and the kernel's log, told of each test.
func tell(m *testing.M, word, turns string) error {
	marks, err := inside.NewMarker(inside.KernelLog, word)
	if err != nil {
		return err
	}
	return events.Tell(m, marks, turns)
}

// prefix stands before each line of the harness's own.
const prefix = "kmodtest: "

// statusHostBroke is the exit status of a run that our own side broke.
const statusHostBroke = 69 // EX_UNAVAILABLE of sysexits.h

// interruptError is the cause of a context that a signal has ended.
type interruptError struct{ signal syscall.Signal }

func (e *interruptError) Error() string { return fmt.Sprintf("interrupted (%v)", e.signal) }

// runOutside hands the run over to kmodtest-run, in this very process. It
// returns only if that can not be: then with the exit status.
func runOutside(config Config, from callers, started time.Time) int {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, interrupt.Signals()...)
	go func() { cancel(&interruptError{(<-signals).(syscall.Signal)}) }()

	r, err := newRequest(config, from, started)
	if err == nil {
		err = become(ctx, r)
	}
	var caught *interruptError
	if errors.As(context.Cause(ctx), &caught) {
		fmt.Fprintf(os.Stderr, "%sFAIL: %v\n", prefix, caught)
		return 128 + int(caught.signal)
	}
	fmt.Fprintf(os.Stderr, "%sFAIL: host side broke: %v\n", prefix, err)
	return statusHostBroke
}

// newRequest collects what is known before anything is started.
func newRequest(config Config, from callers, started time.Time) (request.Request, error) {
	r := request.Request{Started: started, Parent: os.Getppid(), Name: os.Args[0], Values: flagValues()}
	r.Flags, r.Rest = splitCommandLine(os.Args[1:])
	var err error
	if r.Cwd, err = os.Getwd(); err != nil {
		return r, fmt.Errorf("find the working directory: %w", err)
	}
	if r.Binary, err = os.Executable(); err != nil {
		return r, fmt.Errorf("find the test binary: %w", err)
	}
	r.Dir = sourceDir(from.test, r.Cwd)
	config, err = config.in(sourceDir(from.config, r.Cwd))
	r.Config = request.Config(config)
	return r, err
}

// runPackage is the program that leads a run.
const runPackage = "harness/cmd/kmodtest-run"

// become turns this process into the one that leads the run.
func become(ctx context.Context, r request.Request) error {
	dir, err := cache.Dir()
	if err != nil {
		return err
	}
	program, err := gobuild.BuildOwn(ctx, dir, r.Dir, runPackage, func() {
		fmt.Fprintln(os.Stderr, prefix+"building its own programs, which are kept")
	})
	if err != nil {
		return err
	}
	return request.Become(program.Path, r)
}

// callers are the source files from which Main was called: the one that holds
// the configuration, and the one of the package's TestMain. They differ where
// packages share a function that calls Main.
type callers struct{ config, test string }

// findCallers finds those of Main, which has called it.
func findCallers() callers {
	stack := make([]uintptr, 100)
	frames := runtime.CallersFrames(stack[:runtime.Callers(3, stack)])
	frame, more := frames.Next()
	c := callers{frame.File, frame.File}
	for more && frame.Function != "main.main" { // the go command's, which calls TestMain
		c.test = frame.File
		frame, more = frames.Next()
	}
	return c
}

// sourceDir is where a source file lies. A binary that was built with -trimpath,
// or elsewhere, does not know; it is then taken to be where the go command
// starts a test binary, in the package's directory.
func sourceDir(source, cwd string) string {
	if _, err := os.Stat(source); filepath.IsAbs(source) && err == nil {
		return filepath.Dir(source)
	}
	return cwd
}
