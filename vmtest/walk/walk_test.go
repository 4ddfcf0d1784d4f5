// Package walk walks the error paths of the socketopt module: each call that it makes of
// the kernel fails once.
package walk

import (
	"os"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness"
	"github.com/kmodtest/kmodtest/harness/guest"
	"github.com/kmodtest/kmodtest/kmod/uapi"
)

// module is the name of the module under test.
const module = "socketopt"

func TestMain(m *testing.M) {
	harness.Main(m, harness.Config{Modules: []string{"../../kmod"}, FaultWalk: true})
}

// openSocket opens a socket that passes the options to the module.
func openSocket(t *testing.T) int {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	return fd
}

func set(fd int, message string) error {
	return unix.SetsockoptString(fd, unix.IPPROTO_IP, uapi.SocketOpsSet, message)
}

func get(fd, command int) (string, error) {
	buf := make([]byte, 64)
	n := uint32(len(buf))
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.IPPROTO_IP, uintptr(command),
		uintptr(unsafe.Pointer(&buf[0])), uintptr(unsafe.Pointer(&n)), 0)
	if errno != 0 {
		return "", os.NewSyscallError("getsockopt", errno)
	}
	return string(buf[:n]), nil
}

// TestSetThatFailsKeepsTheMessage also gets each answer.
func TestSetThatFailsKeepsTheMessage(t *testing.T) {
	if err := set(openSocket(t), "message"); err != nil { // a get of an empty one copies nothing
		t.Fatal(err)
	}
	guest.FaultWalk(t, func(t *testing.T) {
		fd := openSocket(t)
		before, err := get(fd, uapi.SocketOpsLast)
		if guest.InjectedError(t, err) {
			return
		}
		want := before + "+"
		if len(want) > uapi.SocketOpsMsgMax {
			want = "message"
		}
		if guest.InjectedError(t, set(fd, want)) {
			want = before
		}
		got, err := get(fd, uapi.SocketOpsLast)
		if !guest.InjectedError(t, err) && got != want {
			t.Errorf("the message is %q, want %q", got, want)
		}
		for _, command := range []int{uapi.SocketOpsGet, uapi.SocketOpsStats} {
			_, err := get(fd, command)
			guest.InjectedError(t, err)
		}
	})
}

func TestLoadThatFailsIsUndone(t *testing.T) { guest.FaultWalkInit(t, module) }
