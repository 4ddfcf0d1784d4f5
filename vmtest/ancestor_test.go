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
	"github.com/kmodtest/kmodtest/kmod/uapi"
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

// Root outside of a user namespace has all capabilities in it, without one, none.
func TestRootOutsideMaySetInUserNamespace(t *testing.T) {
	space := ownedNamespace(t)
	guest.NewNetworkNamespace(t) // the thread leaves it, and the cleanup brings it back
	if err := unix.Setns(int(space.Fd()), unix.CLONE_NEWNET); err != nil {
		t.Fatalf("enter the network namespace: %v", err)
	}
	s := udpSocket.open(t)
	s.store(t, "from outside")
	s.wantLast(t, "from outside", "in a network namespace that a user namespace owns")
	guest.DropCapabilities(t, unix.CAP_NET_ADMIN)
	wantErrno(t, s.trySet("from outside"), unix.EPERM, "set without CAP_NET_ADMIN in a network namespace that a user namespace owns")
	_, err := s.tryGet(uapi.SocketOpsLast)
	wantErrno(t, err, unix.EPERM, "get without CAP_NET_ADMIN in a network namespace that a user namespace owns")
}
