package guest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/internal/inside"
	"github.com/kmodtest/kmodtest/harness/internal/rtnetlink"
)

// Namespace is a network namespace with a name. Several goroutines may call Run at the
// same time.
type Namespace struct {
	tb    testing.TB
	name  string
	fd    int
	links int // number of the last interface that Join made
}

// NewNamespace makes a network namespace with a loopback interface that is up. It also
// has a file in /run/netns, so a program such as ip finds it by its name. The calling
// thread stays where it is: see Run and Join.
//
// Cleanup removes the namespace and its interfaces, and waits until the kernel has
// destroyed it: a module that the namespace used can then be unloaded. A socket or a
// process that is still in the namespace keeps it, which is an error after 10 seconds.
func NewNamespace(tb testing.TB, name string) *Namespace {
	tb.Helper()
	require(tb)
	if name == "" || name == "." || name == ".." || len(name) > unix.NAME_MAX || strings.ContainsAny(name, "/\x00") {
		tb.Fatalf("make network namespace %q: that is not a valid name", name)
	}
	fd, err := makeNamespace(name)
	if errors.Is(err, os.ErrExist) {
		tb.Fatalf("make network namespace %s: it exists already; tests that run in parallel need different names", name)
	}
	if err != nil {
		tb.Fatalf("make network namespace %s: %v", name, err)
	}
	n := &Namespace{tb: tb, name: name, fd: fd}
	tb.Cleanup(func() {
		tb.Helper()
		if err := n.remove(); err != nil {
			tb.Errorf("cleanup: remove network namespace %s: %v", name, err)
		}
	})
	return n
}

// Name returns the name.
func (n *Namespace) Name() string { return n.name }

// Run calls body in the namespace, and returns when body does. Fatal, FailNow and
// SkipNow end the test as usual: Run moves the calling thread back first. Run may be
// called in the body of another Run.
//
// Only the calling goroutine is in the namespace. A goroutine that body starts is not:
// it needs a Run of its own. A socket and a program that body opens or starts are in the
// namespace, and stay there after Run. So net.Listen works in body; net.Dial does with an
// IP address, but not with a name, for which it may start goroutines. /proc/net and
// /proc/self/net show the namespace of the process, /proc/thread-self/net shows this one,
// and /sys/class/net the initial one.
func (n *Namespace) Run(body func()) {
	n.tb.Helper()
	runtime.LockOSThread()
	old, err := ownNamespace()
	if err == nil {
		if err = unix.Setns(n.fd, unix.CLONE_NEWNET); err != nil {
			_ = unix.Close(old)
		}
	}
	if err != nil {
		runtime.UnlockOSThread()
		n.tb.Fatalf("enter network namespace %s: %v", n.name, err)
	}
	defer func() {
		err := unix.Setns(old, unix.CLONE_NEWNET)
		_ = unix.Close(old)
		if err != nil { // the thread stays locked, and ends with the goroutine
			n.tb.Errorf("leave network namespace %s: %v", n.name, err)
			return
		}
		runtime.UnlockOSThread()
	}()
	body()
}

// ownNamespace opens the calling thread's network namespace.
func ownNamespace() (int, error) {
	return unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
}

// namespaces is the directory of named network namespaces, as in ip-netns(8).
const namespaces = "/run/netns"

// makeNamespace makes a network namespace and opens it. If name is not empty, it also
// makes the namespace's file.
func makeNamespace(name string) (fd int, err error) {
	done := make(chan struct{})
	go func() { // on a thread of its own: the caller's does not change, even for a moment
		defer close(done)
		runtime.LockOSThread() // not unlocked: the thread ends with the goroutine
		fd, err = unshareNamespace(name)
	}()
	<-done
	return fd, err
}

func unshareNamespace(name string) (fd int, err error) {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return -1, err
	}
	if fd, err = ownNamespace(); err != nil || name == "" {
		return fd, err
	}
	if err = inside.RaiseLoopback(); err == nil {
		err = nameNamespace(filepath.Join(namespaces, name))
	}
	if err != nil {
		_ = unix.Close(fd)
	}
	return fd, err
}

// nameNamespace makes a file that refers to the calling thread's network namespace.
func nameNamespace(path string) error {
	if err := os.MkdirAll(namespaces, 0o755); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	_ = file.Close()
	if err := unix.Mount("/proc/thread-self/ns/net", path, "", unix.MS_BIND, ""); err != nil {
		_ = os.Remove(path)
		return fmt.Errorf("mount it at %s: %w", path, err)
	}
	return nil
}

// namespaceLimit is how long a namespace may stay in use after its removal.
const namespaceLimit = 10 * time.Second

// remove removes the namespace, and returns when the kernel has destroyed it.
//
// The kernel destroys namespaces in the background, in batches, one batch after the
// other. It announces the end of a numbered namespace at the beginning of its batch.
// So it has destroyed the namespace when it announces the end of another one that was
// released after the first announcement.
func (n *Namespace) remove() error {
	conn, err := rtnetlink.Open(unix.RTNLGRP_NSID)
	if err != nil {
		return err
	}
	defer conn.Close()
	path := filepath.Join(namespaces, n.name)
	err = errors.Join(unix.Unmount(path, unix.MNT_DETACH), os.Remove(path), release(conn, n.fd))
	if errors.Is(err, unix.ETIMEDOUT) {
		return fmt.Errorf("it is still in use after %v: by a socket, a process, or an open file of /proc/PID/net or /proc/PID/ns", namespaceLimit)
	}
	if err != nil {
		return err
	}
	next, err := makeNamespace("")
	if err != nil {
		return err
	}
	return release(conn, next)
}

// release closes a network namespace, and waits until the kernel announces its end.
func release(conn *rtnetlink.Conn, fd int) error {
	number, err := conn.NumberNamespace(fd)
	_ = unix.Close(fd)
	if err != nil {
		return err
	}
	return conn.AwaitEnd(number, namespaceLimit)
}
