package machine

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/kmodtest/kmodtest/harness/internal/printable"
	"github.com/kmodtest/kmodtest/harness/internal/qemu"
	"github.com/kmodtest/kmodtest/harness/internal/testoutput"
	"github.com/kmodtest/kmodtest/harness/internal/timeline"
	"github.com/kmodtest/kmodtest/harness/internal/verdict"
	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// Outcome is how a machine has ended.
type Outcome struct {
	m   *Machine
	err error // what ended the conversation with the guest early
}

// Outcome returns how the machine has ended. err, which may be nil, is what ended
// the conversation with the guest. Stop must have been called.
func (m *Machine) Outcome(err error) Outcome {
	m.addConsole()
	return Outcome{m, err}
}

// Death returns how the machine ended in the middle of the tests, or nil if it
// did not. If the test binary ended irregularly after the kernel had reported a
// fault during one of the running tests, the kernel is the cause: the fault hit
// another test.
func (o Outcome) Death() *testoutput.Death {
	var end *verdict.EndError
	var silence *verdict.SilenceError
	var garbled *wire.GarbledError
	var peer *verdict.PeerError
	switch guest := o.m.guest; {
	case len(o.m.Timeline.Running()) == 0:
	case guest.exit != nil:
		if guest.exit.Error == "" && !guest.exit.Finished && o.m.Timeline.FaultWhileRunning() {
			return &testoutput.Death{Reason: "the test binary ended during this test, after the kernel had reported a fault"}
		}
	case errors.As(o.err, &end) && end.Err == nil:
		return &testoutput.Death{Reason: "the machine ended during this test", OfKernel: true}
	case errors.As(o.err, &silence):
		return &testoutput.Death{Reason: silence.Reason, OfKernel: true}
	case errors.As(o.err, &peer):
		return &testoutput.Death{Reason: peer.Error()}
	case errors.As(o.err, &garbled):
		return &testoutput.Death{Reason: "during this test the machine began to send " + verdict.InvalidData, OfKernel: true}
	}
	return nil
}

// DiedBetween reports whether the machine ended by itself while no test was marked as
// running, before the test binary had ended.
func (o Outcome) DiedBetween() bool {
	var end *verdict.EndError
	return len(o.m.Timeline.Running()) == 0 && o.m.guest.exit == nil && errors.As(o.err, &end) && end.Err == nil
}

// CanGoOn reports whether the remaining tests can run in another machine. They
// cannot after the timeout of the run, or if anything but tests was running.
func (o Outcome) CanGoOn() bool {
	return !o.m.late.over.Load() &&
		!slices.ContainsFunc(o.m.Timeline.Running(), func(r *timeline.TestRun) bool { return !strings.HasPrefix(r.Name, "Test") })
}

// LateExit reports whether the test binary ended irregularly after its timeout.
func (o Outcome) LateExit() bool {
	return o.m.late.over.Load() && o.m.guest.exit != nil && !o.m.guest.exit.Finished
}

// Account returns lines about the kernel's state at the tests' timeout, or when
// the host asked for it; "" if it is unknown.
func (o Outcome) Account() string {
	_, answers := o.m.console.parts()
	text := strings.TrimSpace(answers)
	if text == "" {
		text = printable.Text(strings.Join(o.m.Timeline.Answers(), "\n"))
	}
	if text == "" {
		return ""
	}
	return verdict.Prefix + "what the kernel was doing:\n" + text + "\n"
}

// Exited reports whether the guest has reported the end of the test binary.
func (o Outcome) Exited() bool { return o.m.guest.exit != nil }

// Evidence returns the evidence for the verdict. goesOn reports whether another
// machine runs the remaining tests.
func (o Outcome) Evidence(goesOn bool) verdict.Evidence {
	m := o.m
	return verdict.Evidence{
		Err:           o.err,
		Fault:         o.fault(),
		Faulty:        slices.ContainsFunc(m.Timeline.Findings(), func(f timeline.Finding) bool { return f.Kind.Taints() }),
		Running:       o.running(),
		Failed:        m.Timeline.Failed(),
		ExpectedDeath: o.diedAsExpected(goesOn),
		Greeted:       m.guest.greeted,
		Exit:          m.guest.exit,
		Checks:        m.guest.checks,
		Done:          m.guest.done,
		KVM:           m.config.Accel == qemu.KVM,
		Console:       m.console.String(),
		Emulator:      m.process.CommandLine(),
		Stderr:        m.process.Said(),
	}
}

// running returns the tests that have begun and not ended.
func (o Outcome) running() []string {
	var names []string
	for _, r := range o.m.Timeline.Running() {
		if strings.HasPrefix(r.Name, "Test") { // benchmarks have no end
			names = append(names, r.Name)
		}
	}
	return names
}

// diedAsExpected reports whether the machine died as its tests expected. goesOn
// reports whether another machine runs the remaining tests.
func (o Outcome) diedAsExpected(goesOn bool) bool {
	return goesOn && o.m.guest.exit == nil && o.m.Timeline.DiedAsExpected()
}

// fault returns the first fault that is neither expected nor allowed. A fault that is not kept counts
// as such: many allowed ones may hide it.
func (o Outcome) fault() *verdict.Fault {
	faults := o.m.Timeline.Unexpected()
	if n := o.m.Timeline.Dropped(); len(faults) == 0 && n > 0 {
		return &verdict.Fault{Title: fmt.Sprintf("the kernel reported too many faults: %d of them were not kept and may not be allowed", n)}
	}
	if len(faults) == 0 {
		return nil
	}
	first := faults[0]
	if i := slices.IndexFunc(faults, func(f timeline.Finding) bool { return f.Kind == first.Kind && len(f.Frames) > 0 }); i > 0 && len(first.Frames) == 0 {
		first = faults[i] // as kmemleak's reports on objects, which come after their number
	}
	f := &verdict.Fault{Title: first.Title, InInit: strings.Contains(first.Title, "Attempted to kill init!")}
	for _, test := range first.Tests {
		f.Tests = append(f.Tests, test.Name)
	}
	lastLine := first.Report[len(first.Report)-1]
	if !first.Printed && (o.m.Timeline.AllPrinted() || !strings.Contains(o.KernelLogTail(), lastLine)) {
		f.Report = strings.Join(first.Report, "\n")
	}
	return f
}

// WriteKernelLog writes the whole kernel log as dmesg prints it, and its end on
// the console. It may be long.
func (o Outcome) WriteKernelLog(w io.Writer) error { return o.m.log.Write(w) }

// Memory returns the guest's memory, its size, and where a physical address is in it. It
// is nil if the machine was started without keep, or did not come up: see Source.Machine.
func (o Outcome) Memory() (memory io.ReaderAt, size int64, offset func(address uint64) int64) {
	if info, err := o.m.memory.Stat(); err == nil { // also of nil
		return o.m.memory, info.Size(), o.m.config.Offset
	}
	return nil, 0, nil
}

// KernelLogTail returns the last dmesg.TailLines lines of the kernel log since the
// guest's first process ran; "" if there are none.
func (o Outcome) KernelLogTail() string { return o.m.log.Tail() }
