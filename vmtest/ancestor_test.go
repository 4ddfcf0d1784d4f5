package vmtest

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/guest"
)

// ownedNamespace returns a new network namespace that a new user namespace owns. The caller is
// in neither.
func ownedNamespace(t *testing.T) *os.File {
	t.Helper()
	runtime.LockOSThread() // the thread that starts a traced process has to wait for it
	defer runtime.UnlockOSThread()
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe")
	ids := []syscall.SysProcIDMap{{Size: 1}}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET, UidMappings: ids, GidMappings: ids,
		Ptrace: true, // it stops before its first instruction
	}
	if err := cmd.Start(); err != nil {
		t.Fatalf("start a process in a user namespace: %v", err)
	}
	space, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", cmd.Process.Pid))
	_ = cmd.Process.Kill()
	_ = cmd.Wait() // it was killed
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = space.Close() })
	return space
}

// Outside of a user namespace, whoever has created it has all capabilities in it: also without
// capabilities of its own (cap_capable).
func TestCreatorOfUserNamespaceMaySetInIt(t *testing.T) {
	space := ownedNamespace(t)
	guest.NewNetworkNamespace(t) // the thread leaves it, and the cleanup brings it back
	outside := udpSocket.open(t)
	if err := unix.Setns(int(space.Fd()), unix.CLONE_NEWNET); err != nil {
		t.Fatalf("enter the network namespace: %v", err)
	}
	s := udpSocket.open(t)
	s.store(t, "from outside")
	s.wantLast(t, "from outside", "in a network namespace that a user namespace owns")
	guest.DropCapabilities(t)
	s.store(t, "from outside, without capabilities")
	s.wantLast(t, "from outside, without capabilities", "in a network namespace whose user namespace the caller has created")
	wantErrno(t, outside.trySet("refused"), unix.EPERM, "set without capabilities in the caller's own user namespace")
}
