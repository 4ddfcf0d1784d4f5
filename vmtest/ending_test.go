package vmtest

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/guest"
	"github.com/kmodtest/kmodtest/kmod/uapi"
)

// wantUnloadRefused checks that a call is inside the module.
func wantUnloadRefused(t *testing.T, when string) {
	t.Helper()
	wantErrno(t, guest.TryUnloadModule(t, module), unix.EWOULDBLOCK, "unload %s", when)
}

// The thread that made the network namespace ends and the socket is closed, so
// a call that hangs is all that keeps the namespace. It comes to its regular
// end, and the module can go.
func TestNamespaceEndsDuringCall(t *testing.T) {
	for _, c := range hangingCalls {
		t.Run(c.name, func(t *testing.T) {
			s, slow := openInThreadOfItsOwn(t), newSlowMemory(t)
			s.store(t, longest("o"))
			done := c.begin(s, slow)
			if err := unix.Close(s.fd); err != nil {
				t.Fatalf("close socket: %v", err)
			}
			wantUnloadRefused(t, "during a "+c.name+" on a socket that is closed")
			slow.fill(longest("n"))
			wantErrno(t, c.end(t, done), nil, "%s on a socket that is closed", c.name)
			guest.UnloadModule(t, module)
		})
	}
}

// openInThreadOfItsOwn opens a socket in a network namespace that nothing else
// is in.
func openInThreadOfItsOwn(t *testing.T) socket {
	t.Helper()
	opened, thread := make(chan int), 0
	go func() {
		defer close(opened)
		runtime.LockOSThread() // for good, so the thread ends with its goroutine
		thread = unix.Gettid()
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			t.Errorf("make network namespace: %v", err)
			return
		}
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Errorf("open socket: %v", err)
			return
		}
		opened <- fd
	}()
	fd, ok := <-opened
	if !ok {
		t.FailNow()
	}
	for deadline := time.Now().Add(patience); unix.Access(fmt.Sprintf("/proc/self/task/%d", thread), unix.F_OK) == nil; {
		if time.Now().After(deadline) {
			t.Fatalf("the thread that made the network namespace has not ended within %v", patience)
		}
		time.Sleep(time.Millisecond)
	}
	return socket{fd}
}

// hangingChild names, in the environment of a child process, the call that it
// is to hang in.
const hangingChild = "VMTEST_HANGING_CALL"

// A process that is killed in the middle of a call ends, the call has stored
// nothing and counts as rejected, and the module can go.
func TestCallerKilledDuringCall(t *testing.T) {
	for _, c := range hangingCalls {
		if os.Getenv(hangingChild) == c.name {
			c.begin(socket{3}, newSlowMemory(t))
			_, _ = os.NewFile(4, "parent").Write([]byte{1})
			select {}
		}
	}
	for _, c := range hangingCalls {
		t.Run(c.name, func(t *testing.T) {
			s := newHangingSocket(t)
			s.wantCounts(t, uapi.Stats{Rejected: 1}, "a "+c.name+" whose caller was killed", func() {
				child := startHangingChild(t, s, c)
				wantUnloadRefused(t, "during a "+c.name+" of another process")
				if err := child.Process.Kill(); err != nil {
					t.Fatalf("kill the caller: %v", err)
				}
				_ = child.Wait() // says that it was killed, as the next line does
				if status := child.ProcessState.Sys().(syscall.WaitStatus); status.Signal() != unix.SIGKILL {
					t.Fatalf("caller that was killed: ended with %v", child.ProcessState)
				}
			})
			s.wantLast(t, longest("o"), "after a "+c.name+" whose caller was killed")
			guest.UnloadModule(t, module)
		})
	}
}

// startHangingChild starts the calling test once more in a process of its own,
// which hangs in a call on s when this returns.
func startHangingChild(t *testing.T, s socket, c hangingCall) *exec.Cmd {
	t.Helper()
	hangs, childEnd, err := os.Pipe()
	if err != nil {
		t.Fatalf("make pipe: %v", err)
	}
	defer hangs.Close()
	fd, err := unix.Dup(s.fd)
	if err != nil {
		t.Fatalf("duplicate socket: %v", err)
	}
	file := os.NewFile(uintptr(fd), "socket")
	child := exec.CommandContext(t.Context(), "/proc/self/exe", "-test.run=^TestCallerKilledDuringCall$")
	child.Env = append(os.Environ(), hangingChild+"="+c.name)
	child.ExtraFiles = []*os.File{file, childEnd}
	child.Stdout, child.Stderr = os.Stderr, os.Stderr
	if err := child.Start(); err != nil {
		t.Fatalf("start the caller: %v", err)
	}
	_ = file.Close()
	_ = childEnd.Close()
	if n, err := hangs.Read(make([]byte, 1)); n != 1 {
		t.Fatalf("the caller ended before it hung: %v", err)
	}
	return child
}

// A signal that has a handler does not end a call that waits for memory: there
// is no EINTR, and nothing is done twice.
func TestSignalDuringCall(t *testing.T) {
	for _, c := range hangingCalls {
		t.Run(c.name, func(t *testing.T) {
			s, slow := newHangingSocket(t), newSlowMemory(t)
			want := uapi.Stats{Gets: 1, GetBytes: uint64(c.size)}
			if c.isSet {
				want = uapi.Stats{Sets: 1, SetBytes: uint64(c.size)}
			}
			s.wantCounts(t, want, "a "+c.name+" during which a signal came", func() {
				thread, done := make(chan int, 1), make(chan error, 1)
				go func() {
					runtime.LockOSThread()
					defer runtime.UnlockOSThread()
					thread <- unix.Gettid()
					done <- c.do(s, slow)
				}()
				slow.wait()
				// The runtime has a handler for this one, and ignores what it
				// did not send.
				if err := unix.Tgkill(unix.Getpid(), <-thread, unix.SIGURG); err != nil {
					t.Fatalf("send signal: %v", err)
				}
				slow.fill(longest("n"))
				wantErrno(t, c.end(t, done), nil, "%s during which a signal came", c.name)
			})
		})
	}
}
