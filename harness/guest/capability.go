package guest

import (
	"fmt"
	"testing"

	"golang.org/x/sys/unix"
)

// capabilityState has the three capability sets of a thread, each in two words of 32
// bits.
type capabilityState [2]unix.CapUserData

// DropCapabilities removes the capabilities caps (unix.CAP_NET_ADMIN and so on) from the
// effective set of the calling thread, or all capabilities if caps is empty. The kernel
// checks the effective set. The permitted set does not change, so that cleanup can
// restore the effective one. A number that is not a capability ends the test.
//
// A program that the test starts as root gets its capabilities back from the kernel:
// set another user in its SysProcAttr.Credential.
func DropCapabilities(tb testing.TB, caps ...int) {
	tb.Helper()
	require(tb)
	before, err := threadCapabilities()
	if err != nil {
		tb.Fatal(err)
	}
	after := before
	if len(caps) == 0 {
		after[0].Effective, after[1].Effective = 0, 0
	}
	for _, c := range caps {
		if c < 0 || c > unix.CAP_LAST_CAP {
			tb.Fatalf("drop capability %d: there is no such capability", c)
		}
		after[c/32].Effective &^= 1 << (c % 32)
	}
	lockThread(tb, func() error { return setThreadCapabilities(before) })
	if err := setThreadCapabilities(after); err != nil {
		tb.Fatal(err)
	}
}

// threadCapabilities reads the calling thread's capabilities.
func threadCapabilities() (capabilityState, error) {
	var state capabilityState
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	if err := unix.Capget(&header, &state[0]); err != nil {
		return state, fmt.Errorf("read capabilities: %w", err)
	}
	return state, nil
}

// setThreadCapabilities sets the calling thread's capabilities.
func setThreadCapabilities(state capabilityState) error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	if err := unix.Capset(&header, &state[0]); err != nil {
		return fmt.Errorf("set capabilities: %w", err)
	}
	return nil
}
