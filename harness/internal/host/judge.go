package host

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"

	"github.com/kmodtest/kmodtest/harness/internal/klog"
	"github.com/kmodtest/kmodtest/harness/internal/qemu"
	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// Reasons why a conversation with a guest ended early.
type (
	loadError    struct{ module, reason string }
	silenceError struct{ what string }
	endError     struct{ err error } // QEMU ended
)

func (e *loadError) Error() string    { return fmt.Sprintf("load %s: %s", e.module, e.reason) }
func (e *silenceError) Error() string { return e.what }
func (e *endError) Error() string     { return fmt.Sprintf("QEMU ended: %v", e.err) }
func (e *endError) Unwrap() error     { return e.err }

// judge tells whether the run passed: it returns nil only if the tests did, if
// nothing was found afterwards, and if the guest came to its last word. err is
// what ended the conversation early, if anything did. The machine has ended.
func (m *machine) judge(err error) error {
	var interrupt *interruptError
	if errors.As(err, &interrupt) {
		return interruption(interrupt)
	}
	if f := m.kernelFault(); f != nil {
		return f
	}
	if m.endedAsWanted() {
		return nil
	}
	var load *loadError
	if errors.As(err, &load) {
		return failf(TestFailed, nil, "module %s does not load: %s", load.module, load.reason).at(LoadStage).
			advise("the kernel's log, above, says more")
	}
	if err != nil {
		return m.lost(err)
	}
	if m.exit == nil || m.exit.Error == "" && m.checks == nil {
		return m.lost(errors.New("the guest said that it was done, but not how the tests ended"))
	}
	if m.checks != nil && len(m.checks.Taint) > 0 && len(m.course.findings()) == 0 {
		return failf(KernelFault, nil, "its taint tells of a %s, of which its log does not", strings.Join(m.checks.Taint, ", "))
	}
	if m.exit.Error != "" {
		return failf(HostBroke, errors.New(m.exit.Error), "the test binary could not be started in the guest").
			advise("if the guest has no room for it: files take up to half of its memory, of which harness.Config.Memory gives it more")
	}
	if f := m.testsFailed(); f != nil {
		return f.at(TestsStage)
	}
	if f := m.checksFailed(); f != nil {
		return f.at(ChecksStage)
	}
	return nil
}

// endedAsWanted tells whether the machine died as its tests had expected, and
// another one runs those that are left.
func (m *machine) endedAsWanted() bool { return m.goesOn && m.exit == nil && m.course.wanted() }

func interruption(e *interruptError) *Failure {
	f := failf(HostBroke, nil, "%v", e)
	f.Status = 128 + int(e.signal)
	return f
}

// A death is what ended a machine in the middle of its tests.
type death struct {
	reason   string // in a line
	account  string // what the kernel said that it was doing
	ofKernel bool   // and not of the test binary alone, which no test may expect
}

// death returns how the machine ended in the middle of the tests, or nil if it
// did not; err is what ended the conversation. A test binary that does not end
// as it should, after a test of those that still run had made the kernel report a
// fault, counts as the kernel's doing: it has hit whoever ran there.
func (m *machine) death(err error) *death {
	var end *endError
	var silence *silenceError
	var garbled *wire.GarbledError
	switch {
	case len(m.course.begun) == 0:
	case m.exit != nil:
		if m.exit.Error == "" && !m.exit.Finished && m.course.hurt() {
			return &death{reason: "the test binary ended during this test, after the kernel had reported a fault"}
		}
	case errors.As(err, &end) && end.err == nil:
		return &death{reason: "the machine ended during this test", ofKernel: true}
	case errors.As(err, &silence):
		return &death{reason: silence.what, ofKernel: true}
	case errors.As(err, &garbled):
		return &death{reason: "during this test the machine began to send " + nonsense, ofKernel: true}
	}
	return nil
}

// nonsense is what the guest sends when its memory is no longer as it should be.
const nonsense = "what makes no sense, as if something had overwritten its memory"

// canGoOn tells whether the tests that are left can run in another machine, when
// this one has died: not where the time that was given for all of it is over.
func (m *machine) canGoOn() bool {
	return !m.late.Load() && !slices.ContainsFunc(m.course.begun, func(s *stay) bool { return !isTest(s.name) })
}

// kernelFault returns the first fault that the kernel reported and nobody
// expected, in its log or, when it died, on its console.
func (m *machine) kernelFault() error {
	m.readConsole()
	faults := slices.DeleteFunc(m.course.findings(), func(f finding) bool { return f.excused })
	if len(faults) == 0 {
		return nil
	}
	first := faults[0]
	if killsInit(first) {
		f := failf(HostBroke, nil, "the guest's first process died")
		f.Raw = tail(m.console.String(), consoleLines)
		return f.advise("this is a bug of kmodtest unless a test meddled with process 1")
	}
	f := failf(KernelFault, nil, "%s", first.Title)
	for i, test := range first.tests {
		f.Title += [...]string{", during ", " and "}[min(i, 1)] + test.name
	}
	if !m.course.hasTold(first) && (m.allTold() || !strings.Contains(m.logTail(), first.Report[len(first.Report)-1])) {
		f.Raw = strings.Join(first.Report, "\n")
	}
	if !m.done {
		return f.advise("the machine did not survive it; " + m.emulator(nil))
	}
	return f
}

// readConsole adds what only the console has of a machine that has ended early.
func (m *machine) readConsole() {
	if m.done || m.consoleRead {
		return
	}
	m.consoleRead = true
	own, _ := m.console.parts()
	m.rest = klog.Rest(slices.Concat(m.boot, m.log), own)
	m.course.addRest(m.rest)
}

// allTold tells whether there were faults, and the tests' output has all that
// nobody expected.
func (m *machine) allTold() bool {
	faults := slices.DeleteFunc(m.course.findings(), func(f finding) bool { return f.excused })
	return len(faults) > 0 && !slices.ContainsFunc(faults, func(f finding) bool { return !m.course.hasTold(f) })
}

func killsInit(f finding) bool { return strings.Contains(f.Title, "Attempted to kill init!") }

// consoleLines is how much of the console is shown of a machine that was lost.
const consoleLines = 40

// lost explains a machine that ended without its last word.
func (m *machine) lost(err error) error {
	var f *Failure
	var end *endError
	var silence *silenceError
	var garbled *wire.GarbledError
	switch {
	case errors.As(err, &end) && end.err != nil:
		f = failf(HostBroke, end.err, "QEMU ended before the guest was done")
	case errors.As(err, &end) && !m.greeted:
		f = failf(GuestDown, nil, "the machine switched itself off before its first process could say a word")
	case errors.As(err, &end):
		f = failf(GuestDown, nil, "the machine switched itself off before the guest had said that it was done")
	case errors.As(err, &silence):
		f = failf(GuestDown, nil, "%s", silence.what)
	case errors.As(err, &garbled):
		f = failf(GuestDown, err, "the guest sends %s", nonsense)
	default:
		f = failf(HostBroke, err, "the conversation with the guest broke off")
	}
	if text := m.console.String(); strings.TrimSpace(text) != "" {
		f.Raw = tail(text, consoleLines)
	}
	advice := m.emulator(err)
	if garbled != nil {
		advice = "a kernel with KASAN may tell who overwrites it: KMODTEST_KERNEL=debug\n" + advice
	}
	var exit *exec.ExitError
	if end != nil && errors.As(end.err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL {
		advice = "somebody killed it: the host, or the container that this runs in, may be short of memory for as many machines\n" + advice
	}
	if m.spec.Accel == qemu.KVM && !m.greeted {
		advice = "if KVM does not really work on this machine, KMODTEST_ACCEL=tcg does without it\n" + advice
	}
	return f.advise(advice)
}

// emulator tells how QEMU was started, and what it has said, unless that is part
// of the reason why it ended.
func (m *machine) emulator(reason error) string {
	text := "QEMU was:\n" + m.process.CommandLine()
	if said := m.process.Said(); said != "" && (reason == nil || !strings.Contains(reason.Error(), said)) {
		text += "\nand it said:\n" + said
	}
	return text
}

// testsFailed returns how the test binary failed, if it did.
func (m *machine) testsFailed() *Failure {
	switch e := m.exit; {
	case e.Signal != 0:
		sig := syscall.Signal(e.Signal)
		f := failf(TestFailed, nil, "the test binary was killed by signal %d (%v)", e.Signal, sig)
		if sig == syscall.SIGKILL {
			f.advise("if the kernel's log, above, says that it ran out of memory: harness.Config.Memory gives the guest more")
		}
		return f
	case e.Code != 0:
		f := failf(TestFailed, nil, "exit status %d", e.Code)
		f.Status, f.Quiet = e.Code, true
		return f
	case !e.Finished:
		return failf(TestFailed, nil, "the test binary left with exit status 0 before its tests had ended").
			advise("look for a call that ends the process, such as os.Exit or syscall.Exit")
	}
	return nil
}

// checksFailed returns what was found after the tests, if anything was.
func (m *machine) checksFailed() *Failure {
	if len(m.checks.Unload) > 0 {
		var stuck []string
		for _, text := range m.checks.Unload {
			module, reason, _ := strings.Cut(text, ": ")
			stuck = append(stuck, fmt.Sprintf("module %s does not unload: %s", module, reason))
		}
		return failf(TestFailed, nil, "%s", strings.Join(stuck, "; ")).
			advise("a reference that is never put, or a test that left something behind which holds one, keeps a module in use")
	}
	if len(m.checks.Errors) > 0 {
		return failf(HostBroke, errors.New(strings.Join(m.checks.Errors, "; ")), "the guest could not finish")
	}
	return nil
}

// logLines is how much of the kernel's log of a failing run is shown.
const logLines = 200

// showKernelLog prints the kernel's log where the user has asked for it, and
// that of the tests when the run has failed. Of several machines, name is what
// this one was for.
func (r *run) showKernelLog(w io.Writer, m *machine, failed bool, name string) error {
	of := ""
	if name != "" {
		of = " of " + name
	}
	whole := dmesg(m.boot) + dmesg(m.log)
	m.readConsole()
	if len(m.rest) > 0 {
		whole += "[… what follows is from the serial console …]\n" + dmesg(m.rest)
	}
	switch {
	case r.env.KernelLog != "" && r.env.KernelLog != "1":
		if name != "" {
			whole = prefix + name + "\n" + whole
		}
		r.kernelLogsMu.Lock()
		defer r.kernelLogsMu.Unlock()
		r.kernelLogs.WriteString(whole)
		if err := os.WriteFile(r.env.KernelLog, []byte(r.kernelLogs.String()), 0o644); err != nil {
			return failf(HostBroke, err, "write the kernel's log, as KMODTEST_KERNEL_LOG asks")
		}
	case r.env.KernelLog == "1":
		return output(w, []byte(prefix+"the kernel's log"+of+":\n"+whole))
	case failed && len(m.log) > 0:
		return output(w, fmt.Appendf(nil, "%sthe kernel's log%s from the loading of the modules on (at most %d lines):\n%s\n", prefix, of, logLines, m.logTail()))
	}
	return nil
}

// logTail is what is shown of the log of a failing run.
func (m *machine) logTail() string { return tail(dmesg(m.log), logLines) }

func dmesg(records []klog.Record) string {
	var b strings.Builder
	for _, rec := range records {
		b.WriteString(rec.String() + "\n")
	}
	return b.String()
}
