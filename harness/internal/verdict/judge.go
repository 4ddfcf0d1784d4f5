package verdict

import (
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"syscall"

	"github.com/kmodtest/kmodtest/harness/internal/exitstatus"
	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// Judge returns why the job of one machine did not pass, or nil if it passed.
// docs/architecture.md has the rules in a table; the first one that holds
// decides.
func Judge(e Evidence) *Failure {
	for _, rule := range []func(Evidence) (*Failure, bool){
		interrupted,
		kernelFault,
		expectedDeath,
		moduleNotLoaded,
		peerFailed,
		conversationEnded,
		verdictMissing,
		kernelTainted,
		binaryNotStarted,
		testsFailed,
		checksFailed,
	} {
		if f, decided := rule(e); decided {
			return f
		}
	}
	return nil
}

// MachinesUsedUp returns the failure of a run that has used as many machines as
// Config.Machines allows, and has tests that did not run.
func MachinesUsedUp(limit int) *Failure {
	return Failf(TestFailed, nil, "%d machines were used, and some tests did not run", limit).At(TestsStage)
}

// EarlierTestFailed returns the failure of a run in which a test failed, but not
// in the last machine, whose test binary passed. The tests' output shows the
// failure.
func EarlierTestFailed() *Failure {
	f := Failf(TestFailed, nil, "exit status %d", exitstatus.TestFailed).At(TestsStage)
	f.Quiet = true
	return f
}

// Interruption returns the failure of a run that was interrupted.
func Interruption(e *InterruptError) *Failure {
	f := Failf(HostBroke, nil, "%v", e)
	f.Status = exitstatus.Signaled + int(e.Signal)
	return f
}

func interrupted(e Evidence) (*Failure, bool) {
	var interrupt *InterruptError
	if errors.As(e.Err, &interrupt) {
		return Interruption(interrupt), true
	}
	return nil, false
}

func kernelFault(e Evidence) (*Failure, bool) {
	switch {
	case e.Fault == nil:
		return nil, false
	case e.Fault.InInit:
		f := Failf(HostBroke, nil, "the guest's first process died")
		f.Raw = tail(e.Console)
		return f.Advise("this is a bug in kmodtest unless a test interfered with process 1"), true
	}
	f := Failf(KernelFault, nil, "%s", e.Fault.Title)
	for i, test := range e.Fault.Tests {
		f.Title += [...]string{", during ", " and "}[min(i, 1)] + test
	}
	f.Raw = e.Fault.Report
	if !e.Done {
		f.Advise("the fault ended the machine; " + e.emulator())
	}
	return f, true
}

// expectedDeath passes a machine that died as its tests expected.
func expectedDeath(e Evidence) (*Failure, bool) { return nil, e.ExpectedDeath }

func moduleNotLoaded(e Evidence) (*Failure, bool) {
	var load *LoadError
	if !errors.As(e.Err, &load) {
		return nil, false
	}
	return Failf(TestFailed, nil, "module %s does not load: %s", load.Module, load.Reason).At(LoadStage).Advise(adviseOnLoad(load.Reason)), true
}

// adviseOnLoad returns what to do about a module that the kernel refuses.
func adviseOnLoad(reason string) string {
	switch {
	case strings.HasSuffix(reason, syscall.EKEYREJECTED.Error()):
		return "this kernel loads only modules that are signed with a key of its own, and modules under test are not signed: remove the parameter " +
			"module.sig_enforce from harness.Config.KernelArgs, or use a kernel without CONFIG_MODULE_SIG_FORCE"
	case strings.HasSuffix(reason, syscall.EPERM.Error()):
		return "if the kernel log says that loading of unsigned modules is restricted, the kernel is locked down: remove the parameter lockdown " +
			"from harness.Config.KernelArgs, or use a kernel without CONFIG_LOCK_DOWN_KERNEL_FORCE_INTEGRITY; else the module itself returned the error"
	}
	return "the kernel log has the reason, if the module prints one; Load in harness.Config.Builds chooses the modules to load, and their parameters"
}

// peerFailed fails a machine that was ended because of another one, whose failure says
// why.
func peerFailed(e Evidence) (*Failure, bool) {
	var peer *PeerError
	if !errors.As(e.Err, &peer) {
		return nil, false
	}
	f := Failf(TestFailed, nil, "%v", peer).At(TestsStage)
	f.Quiet = true
	return f, true
}

// InvalidData describes what a guest sends when its memory is corrupt.
const InvalidData = "invalid data, as if something had overwritten its memory"

func conversationEnded(e Evidence) (*Failure, bool) {
	if e.Err == nil {
		return nil, false
	}
	var f *Failure
	var end *EndError
	var silence *SilenceError
	var garbled *wire.GarbledError
	switch {
	case errors.As(e.Err, &f): // the host's reason to end it
		reason := *f
		f = &reason
	case errors.As(e.Err, &end) && end.Err != nil:
		f = Failf(HostBroke, end.Err, "QEMU ended before the guest was done")
	case errors.As(e.Err, &end) && !e.Greeted:
		f = Failf(GuestDown, nil, "the machine switched itself off before its first process started")
	case errors.As(e.Err, &end):
		f = Failf(GuestDown, nil, "the machine switched itself off before the guest was done")
	case errors.As(e.Err, &silence):
		f = Failf(GuestDown, nil, "%s", silence.Reason)
	case errors.As(e.Err, &garbled):
		f = Failf(GuestDown, e.Err, "the guest sent %s", InvalidData)
	default:
		f = Failf(HostBroke, e.Err, "the channel to the guest broke")
	}
	return e.lost(f), true
}

func verdictMissing(e Evidence) (*Failure, bool) {
	if e.Exit != nil && (e.Exit.Error != "" || e.Done && e.Checks != nil) {
		return nil, false
	}
	return e.lost(Failf(HostBroke, nil, "the guest did not report how the tests ended")), true
}

func kernelTainted(e Evidence) (*Failure, bool) {
	if e.Checks == nil || len(e.Checks.Taint) == 0 || e.Faulty {
		return nil, false
	}
	return Failf(KernelFault, nil, "the kernel is tainted (%s) but logged no report", strings.Join(e.Checks.Taint, ", ")), true
}

func binaryNotStarted(e Evidence) (*Failure, bool) {
	if e.Exit.Error == "" {
		return nil, false
	}
	return Failf(HostBroke, errors.New(e.Exit.Error), "the test binary could not be started in the guest").
		Advise("if the guest is out of space: files may use up to half of its memory; harness.Config.Memory sets its size"), true
}

func testsFailed(e Evidence) (*Failure, bool) {
	var f *Failure
	switch exit := e.Exit; {
	case exit.Signal != 0:
		sig := syscall.Signal(exit.Signal)
		f = Failf(TestFailed, nil, "the test binary was killed by signal %d (%v)", exit.Signal, sig)
		if sig == syscall.SIGKILL {
			f.Advise("if the kernel log shows that memory ran out: harness.Config.Memory gives the guest more")
		}
	case exit.Code != 0:
		f = Failf(TestFailed, nil, "exit status %d", exit.Code)
		f.Status, f.Quiet = exit.Code, true
	case !exit.Finished:
		f = Failf(TestFailed, nil, "the test binary exited with status 0 before its tests had ended").
			Advise("look for a call that ends the process, such as os.Exit or syscall.Exit")
	case e.Failed != "":
		f = Failf(TestFailed, nil, "the test binary exited with status 0, but %s has failed", e.Failed)
	case len(e.Running) > 0:
		f = Failf(TestFailed, nil, "the test binary exited with status 0 while %s was running", e.Running[0]).
			Advise("something ended the test binary early, or the guest forged its result")
	default:
		return nil, false
	}
	return f.At(TestsStage), true
}

func checksFailed(e Evidence) (*Failure, bool) {
	if len(e.Checks.Unload) > 0 {
		var stuck []string
		for _, text := range e.Checks.Unload {
			module, reason, _ := strings.Cut(text, ": ")
			stuck = append(stuck, fmt.Sprintf("module %s does not unload: %s", module, reason))
		}
		return Failf(TestFailed, nil, "%s", strings.Join(stuck, "; ")).At(ChecksStage).
			Advise("a module stays in use if it never drops a reference, or if a test left something behind that holds one"), true
	}
	if len(e.Checks.Errors) > 0 {
		return Failf(HostBroke, errors.New(strings.Join(e.Checks.Errors, "; ")), "the guest could not finish").At(ChecksStage), true
	}
	return nil, false
}

// lost adds what helps to understand why the guest was lost.
func (e Evidence) lost(f *Failure) *Failure {
	if strings.TrimSpace(e.Console) != "" {
		f.Raw = tail(e.Console)
	}
	advice := e.emulator()
	var garbled *wire.GarbledError
	if errors.As(e.Err, &garbled) {
		advice = "a kernel with KASAN may show what overwrites it: KMODTEST_KERNEL=debug\n" + advice
	}
	var exit *exec.ExitError
	if errors.As(e.Err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL {
		advice = "QEMU was killed: the host, or the container that this runs in, may be short of memory for so many machines\n" + advice
	}
	if e.KVM && !e.Greeted {
		advice = "if KVM does not work on this host, KMODTEST_ACCEL=tcg avoids it\n" + advice
	}
	return f.Advise(advice)
}

// emulator is QEMU's command line and its messages, unless the reason for its
// end contains them.
func (e Evidence) emulator() string {
	text := "QEMU was:\n" + e.Emulator
	if e.Stderr != "" && (e.Err == nil || !strings.Contains(e.Err.Error(), e.Stderr)) {
		text += "\nand it printed:\n" + e.Stderr
	}
	return text
}

// consoleLines is how much of a lost machine's console is shown.
const consoleLines = 40

// tail returns the last consoleLines lines of a text.
func tail(text string) string {
	lines := strings.SplitAfter(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-consoleLines):], "")
}
