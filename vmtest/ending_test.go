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

// wantUnloadRefused checks that the module cannot be unloaded because a call is in
// progress.
func wantUnloadRefused(t *testing.T, when string) {
	t.Helper()
	wantErrno(t, guest.TryUnloadModule(t, module), unix.EWOULDBLOCK, "unload %s", when)
}

// The thread that created the network namespace ends and the socket is closed, so
// only the blocked call keeps the namespace alive. The call finishes normally,
// and the module can then be unloaded.
func TestNamespaceEndsDuringCall(t *testing.T) {
	for _, c := range hangingCalls {
		t.Run(c.name, func(t *testing.T) {
			s, slow := openInThreadOfItsOwn(t), newSlowMemory(t)
			s.store(t, longest("o"))
			done := c.begin(s, slow)
			if err := unix.Close(s.fd); err != nil {
				t.Fatalf("close socket: %v", err)
			}
			wantUnloadRefused(t, "during a "+c.name+" on a closed socket")
			slow.fill(longest("n"))
			wantErrno(t, c.end(t, done), nil, "%s on a closed socket", c.name)
			guest.UnloadModule(t, module)
		})
	}
}

// openInThreadOfItsOwn opens a socket in a network namespace that nothing else
// uses.
func openInThreadOfItsOwn(t *testing.T) socket {
	t.Helper()
	opened, thread := make(chan int), 0
	go func() {
		defer close(opened)
		runtime.LockOSThread() // never unlocked, so the thread ends with its goroutine
		thread = unix.Gettid()
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			t.Errorf("create network namespace: %v", err)
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
	for deadline := time.Now().Add(timeout); unix.Access(fmt.Sprintf("/proc/self/task/%d", thread), unix.F_OK) == nil; {
		if time.Now().After(deadline) {
			t.Fatalf("the thread that created the network namespace has not ended after %v", timeout)
		}
		time.Sleep(time.Millisecond)
	}
	return socket{fd}
}

// hangingChild is the environment variable that names the call in which a child
// process must block.
const hangingChild = "VMTEST_HANGING_CALL"

// If a process is killed during a call, the process ends, the call stores nothing
// and counts as rejected, and the module can be unloaded.
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
				_ = child.Wait() // the next line checks how it ended
				if status := child.ProcessState.Sys().(syscall.WaitStatus); status.Signal() != unix.SIGKILL {
					t.Fatalf("caller that was killed: got %v, want SIGKILL", child.ProcessState)
				}
			})
			s.wantLast(t, longest("o"), "after a "+c.name+" whose caller was killed")
			guest.UnloadModule(t, module)
		})
	}
}

// startHangingChild runs the calling test in a child process, and returns once the
// child is blocked in a call on s.
func startHangingChild(t *testing.T, s socket, c hangingCall) *exec.Cmd {
	t.Helper()
	hangs, childEnd, err := os.Pipe()
	if err != nil {
		t.Fatalf("create pipe: %v", err)
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
		t.Fatalf("the caller ended before its call blocked: %v", err)
	}
	return child
}

// A signal with a handler does not interrupt a call that waits for memory: the call
// neither fails with EINTR nor is restarted.
func TestSignalDuringCall(t *testing.T) {
	for _, c := range hangingCalls {
		t.Run(c.name, func(t *testing.T) {
			s, slow := newHangingSocket(t), newSlowMemory(t)
			want := uapi.Stats{Gets: 1, GetBytes: uint64(c.size)}
			if c.isSet {
				want = uapi.Stats{Sets: 1, SetBytes: uint64(c.size)}
			}
			s.wantCounts(t, want, "a "+c.name+" interrupted by a signal", func() {
				thread, done := make(chan int, 1), make(chan error, 1)
				go func() {
					runtime.LockOSThread()
					defer runtime.UnlockOSThread()
					thread <- unix.Gettid()
					done <- c.do(s, slow)
				}()
				slow.wait()
				// The Go runtime has a handler for SIGURG, and ignores a SIGURG
				// that it did not send.
				if err := unix.Tgkill(unix.Getpid(), <-thread, unix.SIGURG); err != nil {
					t.Fatalf("send signal: %v", err)
				}
				slow.fill(longest("n"))
				wantErrno(t, c.end(t, done), nil, "%s interrupted by a signal", c.name)
			})
		})
	}
}
