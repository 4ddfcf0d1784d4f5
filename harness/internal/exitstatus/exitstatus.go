// Package exitstatus holds the exit statuses of a test binary whose run did not
// pass, in addition to those of the tests themselves. The kmodtest command uses
// the same ones.
package exitstatus

const (
	// TestFailed is the status if the test binary was killed or exited before its
	// tests ended, if a module does not build, load or unload, if a program does
	// not build, or if expected faults used up Config.Machines.
	TestFailed = 1
	// HostBroke is the status when the host side broke or the guest is down:
	// EX_UNAVAILABLE of sysexits.h.
	HostBroke = 69
	// KernelFault is the status when the kernel reported a fault.
	KernelFault = 255
	// Signaled is added to the number of the signal that interrupted the run.
	Signaled = 128
)
