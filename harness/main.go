// Package harness runs the tests of a package inside a real Linux kernel. It boots a
// virtual machine, loads the kernel modules under test, runs the same test binary
// inside, and returns its output, its files and its exit code.
//
// A package opts in with one function. Its tests are ordinary Go tests and run with go
// test:
//
//	func TestMain(m *testing.M) {
//		harness.Main(m, harness.Config{Modules: []string{"../kmod"}})
//	}
//
// Environment variables override Config: KMODTEST_KERNEL names the kernel, and
// KMODTEST_FRESH (test, off) decides whether each test has its own machine.
// KMODTEST_ACCEL (kvm, tcg) and KMODTEST_QEMU select how QEMU runs.
// KMODTEST_KERNEL_LOG=1 prints the kernel log of each run; any other value is the path
// of a file to write it to. docs/configuration.md lists all variables.
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
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/kmodtest/kmodtest/harness/internal/events"
	"github.com/kmodtest/kmodtest/harness/internal/exitstatus"
	"github.com/kmodtest/kmodtest/harness/internal/gobuild"
	"github.com/kmodtest/kmodtest/harness/internal/inside"
	"github.com/kmodtest/kmodtest/harness/internal/interrupt"
	"github.com/kmodtest/kmodtest/harness/internal/request"
	"github.com/kmodtest/kmodtest/images/cache"
)

// A thread that a test has changed permanently ends with the goroutine that is locked
// to it. The first thread of a process is an exception: the runtime keeps it, with its
// state such as a network namespace. So in a guest the goroutine that runs TestMain
// occupies the first thread. Only an init function can lock it there.
func init() {
	if inside.Guest() {
		runtime.LockOSThread()
	}
}

// Main runs the tests of m inside a kernel, as config specifies, and exits with their
// exit code. TestMain must call it exactly once; it does not return, but Run does. Code
// that runs before it (init functions, the beginning of TestMain) runs on the host as
// well, where the file /run/kmodtest/guest does not exist.
//
// The run passes only if the tests pass, the kernel log shows no fault, every module
// unloads afterwards, and the guest then reports that it is done. The exit status of
// the process is
//
//   - 0 if the run passed;
//   - the exit code of the test binary if the tests failed and nothing worse happened;
//   - 1 if a module does not build, load or unload, if a program of Config does not
//     build, if the tests were killed or exited before their end, or if expected faults
//     used up Config.Machines;
//   - 255 after a kernel fault;
//   - 69 if the guest did not come up or was lost without a fault report, if the host
//     side broke, or if config is not valid;
//   - 128 plus the signal's number if a signal interrupted the run.
//
// Inside the guest Main runs the tests directly. On the host, flags that run no test,
// such as -test.list, need no machine.
func Main(m *testing.M, config Config) { os.Exit(start(m, config, findCallers())) }

// Run is like Main, but in the guest it returns the exit code of the tests, for code
// that follows them, such as a search for leaked goroutines. TestMain must then end the
// process with os.Exit and that code, or with another one that is not 0 to fail the run.
// If the tests have failed, the run fails whatever the exit code is. On the host Run
// does not return.
func Run(m *testing.M, config Config) int { return start(m, config, findCallers()) }

// start runs the tests in a guest. On the host it asks for a machine, and exits.
func start(m *testing.M, config Config, from callers) int {
	if !inside.Guest() {
		os.Exit(outside(m, config, from))
	}
	return runInside(m, config)
}

// outside does what the flags request on the host, and returns the exit status. With
// flags that run tests it returns only after an error.
func outside(m *testing.M, config Config, from callers) int {
	started := time.Now()
	if !flag.Parsed() {
		flag.Parse()
	}
	if os.Getenv(request.PlanVariable) != "" {
		return answerPlan(m)
	}
	if flag.Lookup("test.list").Value.String() != "" {
		return m.Run()
	}
	return runOutside(config, from, started)
}

// runInside runs the tests, and leaves a Result that shows PID 1 that they came to
// their end.
func runInside(m *testing.M, config Config) int {
	inside.Allowed = config.Allow
	result := os.Getenv(inside.ResultVariable)
	word, turns := os.Getenv(inside.MarkVariable), os.Getenv(inside.TurnsVariable)
	// Child processes of tests must not inherit these.
	for _, name := range []string{inside.ResultVariable, inside.MarkVariable, inside.TurnsVariable} {
		_ = os.Unsetenv(name)
	}
	if word != "" {
		if err := tell(m, word, turns); err != nil {
			fmt.Fprintf(os.Stderr, "%skernel faults cannot be attributed to tests: %v\n", prefix, err)
		}
	}
	if result == "" { // not PID 1's
		return m.Run()
	}
	reporter, err := inside.NewReporter(result)
	if err != nil {
		fmt.Fprintln(os.Stderr, prefix+"no test has run: take over the pipe for their result:", err)
		return 1
	}
	code := m.Run()
	if err := reporter.Report(code); err != nil {
		fmt.Fprintln(os.Stderr, prefix+"report the tests' result:", err)
		return max(code, 1)
	}
	return code
}

// tell makes the tests report their events to the host and in the kernel log.
func tell(m *testing.M, word, turns string) error {
	marks, err := inside.NewMarker(inside.KernelLog, word)
	if err != nil {
		return err
	}
	channel, err := events.OpenChannel()
	if err != nil {
		return err
	}
	return events.Tell(m, marks, channel, turns)
}

// prefix begins each line that the harness itself prints.
const prefix = "kmodtest: "

// interruptError is the cause of a context that a signal canceled.
type interruptError struct{ signal syscall.Signal }

func (e *interruptError) Error() string { return fmt.Sprintf("interrupted (%v)", e.signal) }

// runOutside turns this process into kmodtest-run. It returns only if that fails, with
// the exit status.
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
		return exitstatus.Signaled + int(caught.signal)
	}
	fmt.Fprintf(os.Stderr, "%sFAIL: host side broke: %v\n", prefix, err)
	return exitstatus.HostBroke
}

// newRequest returns the request for kmodtest-run.
func newRequest(config Config, from callers, started time.Time) (request.Request, error) {
	r := request.Request{Started: started, Parent: os.Getppid(), Name: os.Args[0], Values: flagValues(), CoverMode: testing.CoverMode()}
	r.Flags, r.Rest = splitCommandLine(os.Args[1:])
	var err error
	if r.Cwd, err = os.Getwd(); err != nil {
		return r, fmt.Errorf("find the working directory: %w", err)
	}
	if r.Binary, err = os.Executable(); err != nil {
		return r, fmt.Errorf("find the test binary: %w", err)
	}
	r.Dir = sourceDir(from.test, r.Cwd)
	dir := sourceDir(from.config, r.Cwd)
	if config, err = config.in(dir); err != nil {
		return r, err
	}
	if config.Devices != nil {
		var kernelArgs []string
		if r.Arguments, kernelArgs, err = devices(config, dir, r.Cwd); err != nil {
			return r, err
		}
		r.ArgumentsDir = dir
		config.KernelArgs = slices.Concat(config.KernelArgs, kernelArgs)
	}
	r.Config = config.request()
	return r, nil
}

// devices calls Config.Devices in a directory, and returns to cwd.
func devices(config Config, dir, cwd string) (arguments, kernelArgs []string, err error) {
	if err := os.Chdir(dir); err != nil {
		return nil, nil, err
	}
	arguments, kernelArgs, err = config.Devices()
	if err != nil {
		err = fmt.Errorf("harness.Config: Devices: %w", err)
	}
	return arguments, kernelArgs, errors.Join(err, os.Chdir(cwd))
}

// runPackage is the package of the program that controls a run.
const runPackage = "harness/cmd/kmodtest-run"

// become builds kmodtest-run, unless it is in the cache, and replaces this process by
// it. It returns only an error.
func become(ctx context.Context, r request.Request) error {
	dir, err := cache.Dir()
	if err != nil {
		return err
	}
	program, err := gobuild.BuildOwn(ctx, dir, r.Dir, runPackage, func() {
		fmt.Fprintln(os.Stderr, prefix+"building its own programs (once; later runs use the cache)")
	})
	if err != nil {
		return err
	}
	return request.Become(program.Path, r)
}

// callers are the source files from which Main or Run was called: the one with the
// configuration, and the one with the package's TestMain. They differ if packages share
// a function that calls Main.
type callers struct{ config, test string }

// findCallers returns the callers of Main or Run. Only these two may call it.
func findCallers() callers {
	stack := make([]uintptr, 100)
	frames := runtime.CallersFrames(stack[:runtime.Callers(3, stack)])
	frame, more := frames.Next()
	c := callers{frame.File, frame.File}
	for more && frame.Function != "main.main" { // generated by the go command; it calls TestMain
		c.test = frame.File
		frame, more = frames.Next()
	}
	return c
}

// sourceDir returns the directory of a source file. It returns cwd if the file does not
// exist, as after a build with -trimpath or on another machine: the go command starts a
// test binary in the directory of its package.
func sourceDir(source, cwd string) string {
	if _, err := os.Stat(source); filepath.IsAbs(source) && err == nil {
		return filepath.Dir(source)
	}
	return cwd
}
