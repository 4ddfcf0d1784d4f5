package host

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

// Kind tells who is to blame for a run that did not pass.
type Kind int

// The kinds of failures.
const (
	TestFailed  Kind = iota + 1 // a test, or the module under test as a check saw it
	KernelFault                 // the kernel reported a fault, or died
	GuestDown                   // the guest did not come up, fell silent, or makes no sense
	HostBroke                   // our own side: QEMU, a build, a download
)

// Stage is where in a run it broke; empty where no stage is to blame.
type Stage string

// The stages of a run.
const (
	KernelStage Stage = "kernel" // finding, fetching or building the kernel
	BuildStage  Stage = "build"  // building the modules under test
	LoadStage   Stage = "load"   // loading them
	TestsStage  Stage = "tests"
	ChecksStage Stage = "checks" // after the tests, such as unloading
)

// Exit statuses of a test binary whose run did not pass, beside those of the
// tests themselves.
const (
	statusKernelFault = 255
	statusHostBroke   = 69 // EX_UNAVAILABLE of sysexits.h
)

// String names the kind as it stands in front of messages.
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
	}
	return fmt.Sprintf("kind %d", int(k))
}

// Failure is why a run did not pass.
type Failure struct {
	Kind   Kind
	Stage  Stage
	Title  string // one line
	Advice string // what to do next; may be empty
	// Status is the exit status that the run ends with.
	Status int
	// Quiet tells that the tests have said all there is to say themselves.
	Quiet bool
	// Raw is printed first, as it is: a compiler's messages, a kernel's log.
	Raw string
	Err error // what is below it; may be nil
}

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

func (f *Failure) Unwrap() error { return f.Err }

// failf makes a failure with the exit status of its kind.
func failf(kind Kind, err error, format string, args ...any) *Failure {
	f := &Failure{Kind: kind, Err: err, Title: fmt.Sprintf(format, args...), Status: statusHostBroke}
	switch kind {
	case TestFailed:
		f.Status = 1
	case KernelFault:
		f.Status = statusKernelFault
	}
	return f
}

func (f *Failure) at(stage Stage) *Failure {
	f.Stage = stage
	return f
}

func (f *Failure) advise(advice string) *Failure {
	f.Advice = advice
	return f
}

// interrupted tells whether it was a signal that ended the run.
func (f *Failure) interrupted() bool { return f.Kind == HostBroke && f.Status > 128 }

// asFailure makes a Failure of any error; those that are none yet are of our
// own side.
func asFailure(err error) *Failure {
	var f *Failure
	if errors.As(err, &f) {
		return f
	}
	return &Failure{Kind: HostBroke, Title: err.Error(), Status: statusHostBroke}
}

// report is the failure as the user reads it, each line with our name in front.
func (f *Failure) report() string {
	var b strings.Builder
	if f.Raw != "" {
		b.WriteString(strings.TrimRight(f.Raw, "\n") + "\n")
	}
	say := func(text string) {
		for line := range strings.Lines(text) {
			b.WriteString(prefix + strings.TrimRight(line, "\n") + "\n")
		}
	}
	say("FAIL: " + f.Error() + "\n")
	if f.Advice != "" {
		say(f.Advice + "\n")
	}
	return b.String()
}

// conclude prints why a run did not pass, and returns its exit status.
func conclude(w io.Writer, err error) int {
	if err == nil {
		return 0
	}
	f := asFailure(err)
	if !f.Quiet {
		// Nobody is left to tell if standard error is gone.
		_, _ = io.WriteString(w, f.report())
	}
	return f.Status
}

// prefix stands before each line of the harness's own.
const prefix = "kmodtest: "
