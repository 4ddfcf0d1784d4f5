// Package verdict decides whether a run passed and, if not, why: the test, the
// kernel, the guest or the host.
package verdict

import (
	"errors"
	"fmt"
	"strings"

	"github.com/kmodtest/kmodtest/harness/internal/exitstatus"
	"github.com/kmodtest/kmodtest/harness/internal/printable"
)

// Kind is the cause of a failure.
type Kind int

// The kinds of failures.
const (
	TestFailed   Kind = iota + 1 // a test failed, or a check of the module under test
	KernelFault                  // the kernel reported a fault, or died
	GuestDown                    // the guest did not come up, stopped responding or sent invalid data
	HostBroke                    // the host side: QEMU, a download, a missing file
	NotForKernel                 // a module's own configuration excludes the kernel
)

// String returns the kind as messages and reports name it.
func (k Kind) String() string {
	switch k {
	case TestFailed:
		return "test failed"
	case KernelFault:
		return "kernel fault"
	case GuestDown:
		return "guest down"
	case HostBroke:
		return "host side broke"
	case NotForKernel:
		return "not applicable"
	}
	return fmt.Sprintf("kind %d", int(k))
}

// Stage is the part of a run that failed; "" if no stage is the cause.
type Stage string

// The stages of a run.
const (
	KernelStage Stage = "kernel" // finding, fetching or building the kernel
	BuildStage  Stage = "build"  // building the modules under test
	LoadStage   Stage = "load"   // loading them
	TestsStage  Stage = "tests"
	ChecksStage Stage = "checks" // after the tests, such as unloading
)

// Failure is the reason why a run did not pass.
type Failure struct {
	Kind   Kind
	Stage  Stage
	Title  string // one line
	Advice string // what to do next; may be empty
	Status int    // exit status of the run
	Quiet  bool   // the tests' own output already shows the failure
	Raw    string // printed first, unchanged: a compiler's messages, a fault report, the console
	Err    error  // the underlying error; may be nil
}

// Failf returns a failure with the exit status of its kind. err, which may be
// nil, is the underlying error.
func Failf(kind Kind, err error, format string, args ...any) *Failure {
	f := &Failure{Kind: kind, Err: err, Title: fmt.Sprintf(format, args...), Status: exitstatus.HostBroke}
	switch kind {
	case TestFailed, NotForKernel:
		f.Status = exitstatus.TestFailed
	case KernelFault:
		f.Status = exitstatus.KernelFault
	}
	return f
}

// At sets the stage and returns f.
func (f *Failure) At(stage Stage) *Failure {
	f.Stage = stage
	return f
}

// Advise sets the advice and returns f.
func (f *Failure) Advise(advice string) *Failure {
	f.Advice = advice
	return f
}

// Error returns the kind, unless a test failed, then the title and the
// underlying error.
func (f *Failure) Error() string {
	msg := f.Title
	if f.Kind != TestFailed {
		msg = f.Kind.String() + ": " + f.Title
	}
	if f.Err != nil {
		msg += ": " + f.Err.Error()
	}
	return msg
}

// Unwrap returns the underlying error.
func (f *Failure) Unwrap() error { return f.Err }

// Interrupted reports whether a signal ended the run.
func (f *Failure) Interrupted() bool { return f.Kind == HostBroke && f.Status > exitstatus.Signaled }

// AsFailure returns the Failure in err's chain. Any other error is a failure of
// the host side.
func AsFailure(err error) *Failure {
	var f *Failure
	if errors.As(err, &f) {
		return f
	}
	return &Failure{Kind: HostBroke, Title: err.Error(), Status: exitstatus.HostBroke}
}

// Prefix stands before each line that the harness itself prints.
const Prefix = "kmodtest: "

// Text returns the failure in the form in which it is printed. It escapes control
// characters, as much of a failure comes from a guest.
func (f *Failure) Text() string {
	var b strings.Builder
	if f.Raw != "" {
		b.WriteString(printable.Text(strings.TrimRight(f.Raw, "\n")) + "\n")
	}
	say := func(text string) {
		for line := range strings.Lines(text) {
			b.WriteString(Prefix + printable.Text(strings.TrimRight(line, "\n")) + "\n")
		}
	}
	say("FAIL: " + f.Error() + "\n")
	if f.Advice != "" {
		say(f.Advice + "\n")
	}
	return b.String()
}

// Worst returns the failure that decides how a run ends if several parts of it
// failed: an interrupt, then a kernel fault, then a failure of the guest or the
// host, then the first failed test. It returns nil if there are none.
func Worst(failures []*Failure) *Failure {
	rank := func(f *Failure) int {
		switch {
		case f.Interrupted():
			return 3
		case f.Kind == KernelFault:
			return 2
		case f.Kind != TestFailed:
			return 1
		}
		return 0
	}
	var worst *Failure
	for _, f := range failures {
		if worst == nil || rank(f) > rank(worst) {
			worst = f
		}
	}
	return worst
}

// Join is Worst for errors, of which some may be nil.
func Join(errs ...error) error {
	var failures []*Failure
	for _, err := range errs {
		if err != nil {
			failures = append(failures, AsFailure(err))
		}
	}
	if worst := Worst(failures); worst != nil {
		return worst
	}
	return nil
}
