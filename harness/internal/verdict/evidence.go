package verdict

import (
	"fmt"
	"syscall"

	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// Evidence is what is known about one machine after it has ended. Its zero
// value is a guest that sent nothing, which does not pass.
type Evidence struct {
	// Err ended the conversation with the guest early: an *InterruptError, a
	// *LoadError, a *SilenceError, an *EndError, a *wire.GarbledError or any
	// other error. It is nil if the guest sent its done record.
	Err error

	// Fault is the first fault that no test expected and Config.Allow does not
	// allow; nil if there is none.
	Fault *Fault
	// Faulty reports whether the kernel log shows any fault that taints the kernel, expected or not.
	Faulty bool
	// ExpectedDeath reports whether the machine died of a fault that its
	// running tests expected, and another machine runs the remaining tests.
	ExpectedDeath bool

	// Running is the tests that had begun and not ended when the guest was done.
	Running []string
	// Failed is a test that has failed, by its mark; "" if there is none.
	Failed string

	Greeted bool           // the guest's first process has sent a record
	Exit    *wire.Status   // how the test binary ended; nil if the guest did not report it
	Checks  *wire.Findings // what the checks found; nil if the guest did not report it
	Done    bool           // the guest has sent its done record

	KVM      bool   // the machine runs under KVM
	Console  string // end of the serial console
	Emulator string // QEMU's command line
	Stderr   string // what QEMU printed to its standard error
}

// Fault is a fault of the kernel, as far as the verdict needs it.
type Fault struct {
	Title  string
	Tests  []string // the tests that ran when it began
	Report string   // the fault report, unless it has been printed already
	InInit bool     // it killed the guest's first process
}

// InterruptError is the cause of a run that was stopped from outside.
type InterruptError struct {
	Signal syscall.Signal
	Orphan bool // the go command that started the run has ended
}

func (e *InterruptError) Error() string {
	if e.Orphan {
		return "the go command that started the tests has ended"
	}
	return fmt.Sprintf("interrupted (%v)", e.Signal)
}

// LoadError is a module under test that does not load.
type LoadError struct{ Module, Reason string }

func (e *LoadError) Error() string { return fmt.Sprintf("load %s: %s", e.Module, e.Reason) }

// SilenceError is a guest that stopped responding, or tests that did not end in
// time. Reason is a sentence without a period.
type SilenceError struct{ Reason string }

func (e *SilenceError) Error() string { return e.Reason }

// EndError is a QEMU process that ended before the guest's done record. Err is
// nil if QEMU ended regularly: the machine switched itself off.
type EndError struct{ Err error }

func (e *EndError) Error() string { return fmt.Sprintf("QEMU ended: %v", e.Err) }

// Unwrap returns why QEMU ended.
func (e *EndError) Unwrap() error { return e.Err }

// PeerError is a machine that was ended, because another one that ran the same test has
// failed. Peer is the name of the other one.
type PeerError struct{ Peer string }

func (e *PeerError) Error() string {
	return "the machine was ended, because " + e.Peer + " has failed"
}
