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

// stressTime is how long each stress test goes on.
var stressTime = flag.Duration("stress", time.Second, "how long each stress `test` goes on")

// stressThreads is the number of threads that call the module.
const stressThreads = 6

// A tally is what threads have done in one network namespace, and so what its
// counters must say.
type tally struct {
	socket
	emptyToo                                 bool // its message may be empty: the module is loaded afresh now and then
	sets, gets, setBytes, getBytes, rejected atomic.Uint64
}

// call makes the i-th call of a thread, and checks and counts its answer.
// Between unload and load of the module there is none, which is told as
// ENOPROTOOPT.
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

// get gets what a command answers, which must be as valid says.
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

// refused makes a call that the module, or the core, refuses.
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
		return fmt.Errorf("call that is to be refused: got no error, want %w", want)
	case !errors.Is(got, want):
		return got
	}
	n.rejected.Add(1)
	return nil
}

// Many threads make all calls on sockets of several namespaces: no message is
// torn, no answer is another one's, and in the end the counters add up.
func TestCountersAddUpUnderStress(t *testing.T) {
	namespaces := []*tally{{socket: newSocket(t)}, {socket: newSocket(t)}, {socket: newSocket(t)}}
	for _, n := range namespaces {
		wantErrno(t, n.call(0), nil, "a first set")
	}
	crew := newCrew(t)
	for thread := range stressThreads {
		i := thread
		crew.start(func() error {
			i += 7 // all calls, in all namespaces: 7 divides neither 6, 26 nor 3
			if err := namespaces[i%len(namespaces)].call(i / len(namespaces)); err != nil {
				return fmt.Errorf("call %d: %w", i, err)
			}
			return nil
		})
	}
	begun := time.Now()
	for !crew.isEnded() && (time.Since(begun) < *stressTime || slices.ContainsFunc(namespaces, (*tally).lacks)) {
		time.Sleep(time.Millisecond)
	}
	crew.end()
	crew.group.Wait()
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

// lacks says whether no get, or no refusal, has been seen yet.
func (n *tally) lacks() bool { return n.gets.Load() == 0 || n.rejected.Load() == 0 }

// Many threads make all calls while the module is loaded and unloaded, and while
// namespaces come and go: each call works or finds no module, and nothing is
// left behind.
func TestLoadAndUnloadUnderStress(t *testing.T) {
	file, before := findModuleFile(t), openFiles(t)
	reload(t) // and cleanup loads it, whatever state this ends in
	var loads, calls, namespaces atomic.Int64
	guest.NewNetworkNamespace(t)
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatalf("open socket: %v", err)
	}
	s := socket{fd}
	crew := newCrew(t)
	for thread := range stressThreads {
		i := thread
		crew.start(func() error {
			i += 7
			return unlessAbsent((&tally{socket: s, emptyToo: true}).call(i), &calls)
		})
	}
	crew.start(func() error { return inShortNamespace(&calls, &namespaces) })
	loaded := time.Now()
	for !crew.isEnded() && (time.Since(loaded) < *stressTime || loads.Load() == 0 || calls.Load() == 0 || namespaces.Load() == 0) {
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
	crew.end()
	crew.group.Wait()
	guest.UnloadModule(t, module)
	t.Logf("%d loads, %d calls that reached the module, %d namespaces", loads.Load(), calls.Load(), namespaces.Load())
	if err := unix.Close(s.fd); err != nil {
		t.Fatalf("close socket: %v", err)
	}
	if after := openFiles(t); after != before+1 { // the namespace that the test goes back to
		t.Errorf("open files after stress: %d, before it %d", after, before)
	}
}

// unlessAbsent counts a call that has reached the module, and forgives one that
// has found none.
func unlessAbsent(err error, calls *atomic.Int64) error {
	if errors.Is(err, unix.ENOPROTOOPT) {
		return nil
	}
	calls.Add(1)
	return err
}

// inShortNamespace makes some calls in a network namespace that ends with them.
func inShortNamespace(calls, namespaces *atomic.Int64) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // for good, so the thread ends with its goroutine
		done <- func() error {
			if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
				return fmt.Errorf("make network namespace: %w", err)
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

// openFiles is the number of files that the process has open.
func openFiles(t *testing.T) int {
	t.Helper()
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(files)
}
