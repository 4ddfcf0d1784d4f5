package vmtest

import (
	"errors"
	"runtime"
	"sync"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/kmod/uapi"
)

// A benchCall is a call that benchmarks make, and the error it must return.
type benchCall struct {
	make func() error
	want error
}

// run makes the call in a loop.
func (c benchCall) run(b *testing.B) {
	b.Helper()
	for b.Loop() {
		if err := c.make(); !errors.Is(err, c.want) {
			b.Fatalf("got %s, want %s", errnoName(err), errnoName(c.want))
		}
	}
}

// runInThreads makes the call from several threads at once, b.N times in total.
// The time to start the threads is not measured.
func (c benchCall) runInThreads(b *testing.B, threads int) {
	b.Helper()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(threads))
	var ready, done sync.WaitGroup
	ready.Add(threads)
	start := make(chan struct{})
	for thread := range threads {
		done.Go(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			ready.Done()
			<-start
			for i := thread; i < b.N; i += threads {
				if err := c.make(); !errors.Is(err, c.want) {
					b.Errorf("got %s, want %s", errnoName(err), errnoName(c.want))
					return
				}
			}
		})
	}
	ready.Wait()
	b.ResetTimer()
	close(start)
	done.Wait()
	b.StopTimer()
}

func setCall(b *testing.B, s socket) benchCall {
	m := message(b, "a message of some length")
	return benchCall{func() error { return s.set(uapi.SocketOpsSet, m.address, int32(len(m.data))) }, nil}
}

func getCall(b *testing.B, s socket, command int32, want error) benchCall {
	m := beforeGuard(b, uapi.SocketOpsMsgMax)
	return benchCall{func() error {
		_, err := s.get(command, m.address, int32(len(m.data)))
		return err
	}, want}
}

func BenchmarkSet(b *testing.B) { setCall(b, newSocket(b)).run(b) }

func BenchmarkGet(b *testing.B) { getCall(b, newSocket(b), uapi.SocketOpsGet, nil).run(b) }

func BenchmarkGetOfLast(b *testing.B) {
	s := newSocket(b)
	s.store(b, "a message of some length")
	getCall(b, s, uapi.SocketOpsLast, nil).run(b)
}

// Measures the core's search for the owner of a command that has none.
func BenchmarkCommandOutOfRange(b *testing.B) {
	getCall(b, newSocket(b), uapi.SocketOpsStats+1, unix.ENOPROTOOPT).run(b)
}

const benchThreads = 8

func BenchmarkSetByEightThreads(b *testing.B) {
	setCall(b, newSocket(b)).runInThreads(b, benchThreads)
}

func BenchmarkGetByEightThreads(b *testing.B) {
	getCall(b, newSocket(b), uapi.SocketOpsGet, nil).runInThreads(b, benchThreads)
}

// The floor is the cost of a get or set in the kernel itself that only reads or
// writes a field of the socket.

func BenchmarkFloorOfGet(b *testing.B) {
	s, kind, size := newSocket(b), new(int32), new(int32)
	benchCall{func() error {
		*size = int32(unsafe.Sizeof(*kind))
		return sockopt(unix.SYS_GETSOCKOPT, s, unix.SO_TYPE, unsafe.Pointer(kind), uintptr(unsafe.Pointer(size)))
	}, nil}.run(b)
}

func BenchmarkFloorOfSet(b *testing.B) {
	s, priority := newSocket(b), new(int32)
	benchCall{func() error {
		return sockopt(unix.SYS_SETSOCKOPT, s, unix.SO_PRIORITY, unsafe.Pointer(priority), unsafe.Sizeof(*priority))
	}, nil}.run(b)
}

// sockopt makes a system call on an option of level SOL_SOCKET.
func sockopt(number uintptr, s socket, option uintptr, at unsafe.Pointer, length uintptr) error {
	if _, _, errno := unix.Syscall6(number, uintptr(s.fd), unix.SOL_SOCKET, option, uintptr(at), length, 0); errno != 0 {
		return errno
	}
	return nil
}
