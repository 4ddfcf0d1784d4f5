package vmtest

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/guest"
	"github.com/kmodtest/kmodtest/kmod/uapi"
)

// stressTime is the duration of each stress test.
var stressTime = flag.Duration("stress", time.Second, "`duration` of each stress test")

// stressThreads is the number of threads that call the module.
const stressThreads = 6

// A tally counts the calls of all threads in one network namespace. The counters
// of the namespace must equal it.
type tally struct {
	socket
	emptyToo                                 bool // the message may be empty, because the module is reloaded during the test
	sets, gets, setBytes, getBytes, rejected atomic.Uint64
}

// call makes the i-th call of a thread, and checks and counts its answer. It
// returns ENOPROTOOPT if the module is not loaded.
func (n *tally) call(i int) error {
	switch i % 6 {
	case 0, 1:
		message := lettered(i)
		err := n.trySet(message)
		if err == nil {
			n.sets.Add(1)
			n.setBytes.Add(uint64(len(message)))
		}
		return err
	case 2:
		return n.get(uapi.SocketOpsLast, func(answer string) bool { return isLettered(answer) || n.emptyToo && answer == "" })
	case 3:
		return n.get(uapi.SocketOpsGet, func(answer string) bool { return answer == greeting })
	case 4:
		return n.get(uapi.SocketOpsStats, func(answer string) bool { return len(answer) == int(unsafe.Sizeof(uapi.Stats{})) })
	}
	return n.refused(i)
}

// get gets the answer of a command, and checks it with valid.
func (n *tally) get(command int32, valid func(string) bool) error {
	answer, err := n.tryGet(command)
	if err != nil {
		return err
	}
	if !valid(answer) {
		return fmt.Errorf("get of command %d: got %q", command, answer)
	}
	n.gets.Add(1)
	n.getBytes.Add(uint64(len(answer)))
	return nil
}

// refused makes a call that the module rejects, or a get that fails only if the
// module is not loaded.
func (n *tally) refused(i int) error {
	var got, want error
	switch i / 6 % 3 {
	case 0:
		got, want = n.set(uapi.SocketOpsSet, 0, uapi.SocketOpsMsgMax+1), unix.EINVAL
	case 1:
		got, want = n.set(uapi.SocketOpsSet, 0, 1), unix.EFAULT
	default:
		_, got = n.socket.get(uapi.SocketOpsLast, 0, 0)
		if got == nil {
			n.gets.Add(1)
		}
		return got
	}
	switch {
	case got == nil:
		return fmt.Errorf("call that must fail: got nil, want %w", want)
	case !errors.Is(got, want):
		return got
	}
	n.rejected.Add(1)
	return nil
}

// Many threads make all calls on sockets of several namespaces. No message is
// torn, no call gets the answer of another one, and the counters add up.
func TestCountersAddUpUnderStress(t *testing.T) {
	namespaces := []*tally{{socket: newSocket(t)}, {socket: newSocket(t)}, {socket: newSocket(t)}}
	for _, n := range namespaces {
		wantErrno(t, n.call(0), nil, "a first set")
	}
	workers := newWorkers(t)
	for thread := range stressThreads {
		i := thread
		workers.start(func() error {
			i += 7 // all calls in all namespaces: 7 is coprime to 6, 26 and 3
			if err := namespaces[i%len(namespaces)].call(i / len(namespaces)); err != nil {
				return fmt.Errorf("call %d: %w", i, err)
			}
			return nil
		})
	}
	begun := time.Now()
	for !workers.isEnded() && (time.Since(begun) < *stressTime || slices.ContainsFunc(namespaces, (*tally).lacks)) {
		time.Sleep(time.Millisecond)
	}
	workers.end()
	workers.group.Wait()
	for i, n := range namespaces {
		got := n.stats(t)
		want := uapi.Stats{
			Sets: n.sets.Load(), Gets: n.gets.Load(), SetBytes: n.setBytes.Load(),
			GetBytes: n.getBytes.Load(), Rejected: n.rejected.Load(),
		}
		if got != want {
			t.Errorf("counters of namespace %d after stress: got %+v, want %+v", i, got, want)
		}
	}
}

// lacks reports whether no get, or no rejected call, has been counted yet.
func (n *tally) lacks() bool { return n.gets.Load() == 0 || n.rejected.Load() == 0 }

// Many threads make all calls while the module is loaded and unloaded, and
// namespaces are created and destroyed. Each call works or finds no module, and
// nothing is left behind.
func TestLoadAndUnloadUnderStress(t *testing.T) {
	file, before := findModuleFile(t), openFiles(t)
	reload(t) // also makes cleanup load the module, in whatever state the test ends
	var loads, calls, namespaces atomic.Int64
	guest.NewNetworkNamespace(t)
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatalf("open socket: %v", err)
	}
	s := socket{fd}
	workers := newWorkers(t)
	for thread := range stressThreads {
		i := thread
		workers.start(func() error {
			i += 7
			return unlessAbsent((&tally{socket: s, emptyToo: true}).call(i), &calls)
		})
	}
	workers.start(func() error { return inShortNamespace(&calls, &namespaces) })
	loaded := time.Now()
	for !workers.isEnded() && (time.Since(loaded) < *stressTime || loads.Load() == 0 || calls.Load() == 0 || namespaces.Load() == 0) {
		if err := file.unload(); errors.Is(err, unix.EWOULDBLOCK) {
			continue
		} else if err != nil {
			t.Fatal(err)
		}
		if err := file.load(uapi.SocketOpsBase); err != nil {
			t.Fatal(err)
		}
		loads.Add(1)
	}
	workers.end()
	workers.group.Wait()
	guest.UnloadModule(t, module)
	t.Logf("%d loads, %d calls that reached the module, %d namespaces", loads.Load(), calls.Load(), namespaces.Load())
	if err := unix.Close(s.fd); err != nil {
		t.Fatalf("close socket: %v", err)
	}
	if after := openFiles(t); after != before+1 { // the namespace to which the test returns
		t.Errorf("open files after stress: %d, before it %d", after, before)
	}
}

// unlessAbsent counts a call that has reached the module and returns its error. It
// returns nil if the module was not loaded.
func unlessAbsent(err error, calls *atomic.Int64) error {
	if errors.Is(err, unix.ENOPROTOOPT) {
		return nil
	}
	calls.Add(1)
	return err
}

// inShortNamespace makes some calls in a network namespace that ends afterwards.
func inShortNamespace(calls, namespaces *atomic.Int64) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked, so the thread ends with its goroutine
		done <- func() error {
			if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
				return fmt.Errorf("create network namespace: %w", err)
			}
			fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
			if err != nil {
				return fmt.Errorf("open socket: %w", err)
			}
			defer unix.Close(fd)
			namespaces.Add(1)
			for i := range 12 {
				if err := unlessAbsent((&tally{socket: socket{fd}, emptyToo: true}).call(i), calls); err != nil {
					return err
				}
			}
			return nil
		}()
	}()
	return <-done
}

// openFiles returns the number of open files of the process.
func openFiles(t *testing.T) int {
	t.Helper()
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(files)
}
