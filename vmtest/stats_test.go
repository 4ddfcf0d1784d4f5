package vmtest

import (
	"encoding/binary"
	"errors"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/guest"
	"github.com/kmodtest/kmodtest/kmod/uapi"
)

func TestStatsCountSets(t *testing.T) {
	s := newSocket(t)
	s.wantCounts(t, uapi.Stats{Sets: 3, SetBytes: 8}, "sets of 3, 0 and 5 bytes", func() {
		s.store(t, "abc")
		s.store(t, "")
		s.store(t, "defgh")
	})
}

func TestStatsCountGets(t *testing.T) {
	s := newSocket(t)
	s.store(t, "12345")
	m := beforeGuard(t, uapi.SocketOpsMsgMax)
	want := uapi.Stats{Gets: 5, GetBytes: 10 + 24 + 5 + 0 + 8}
	s.wantCounts(t, want, "gets of 10, 24, 5, 0 and 8 bytes", func() {
		for _, get := range []struct{ command, length int32 }{
			{uapi.SocketOpsGet, 10},
			{uapi.SocketOpsGet, 64},
			{uapi.SocketOpsLast, 64},
			{uapi.SocketOpsLast, 0},
			{uapi.SocketOpsStats, 8},
		} {
			_, err := s.get(get.command, m.address, get.length)
			wantErrno(t, err, nil, "get of command %d with *optlen %d", get.command, get.length)
		}
	})
}

func TestStatsCountRejected(t *testing.T) {
	s := newSocket(t)
	bad := afterGuard(t, 0).address - 1
	s.wantCounts(t, uapi.Stats{Rejected: 3}, "two sets and a get refused", func() {
		wantErrno(t, s.set(uapi.SocketOpsSet, bad, uapi.SocketOpsMsgMax+1), unix.EINVAL, "set of too many bytes")
		wantErrno(t, s.set(uapi.SocketOpsSet, bad, 1), unix.EFAULT, "set of unreadable memory")
		_, err := s.get(uapi.SocketOpsGet, bad, 1)
		wantErrno(t, err, unix.EFAULT, "get into unwritable memory")
	})
}

func TestStatsCountMissingCapability(t *testing.T) {
	s := newSocket(t)
	s.wantCounts(t, uapi.Stats{Rejected: 3}, "a set and two gets without CAP_NET_ADMIN", func() {
		t.Run("without CAP_NET_ADMIN", func(t *testing.T) {
			guest.DropCapabilities(t, unix.CAP_NET_ADMIN)
			wantErrno(t, s.trySet("a message"), unix.EPERM, "set")
			for _, command := range []int32{uapi.SocketOpsLast, uapi.SocketOpsStats} {
				_, err := s.tryGet(command)
				wantErrno(t, err, unix.EPERM, "get of command %d", command)
			}
		})
	})
}

func TestStatsOmitCallsThatTheCoreRejects(t *testing.T) {
	s := newSocket(t)
	bad := afterGuard(t, 0).address - 1
	m := beforeGuard(t, uapi.SocketOpsMsgMax)
	s.wantCounts(t, uapi.Stats{}, "calls that never reach the module", func() {
		wantErrno(t, s.set(uapi.SocketOpsSet, m.address, -1), unix.EINVAL, "set of -1 bytes")
		_, err := s.get(uapi.SocketOpsGet, m.address, -1)
		wantErrno(t, err, unix.EINVAL, "get with *optlen -1")
		wantErrno(t, s.getAt(uapi.SocketOpsGet, m.address, bad), unix.EFAULT, "get with an unreadable optlen")
		wantErrno(t, s.set(uapi.SocketOpsLast, m.address, 1), unix.ENOPROTOOPT, "set of command %d", uapi.SocketOpsLast)
	})
}

// The bytes are copied before the kernel finds that it cannot write *optlen.
func TestStatsCountGetWithReadOnlyOptlen(t *testing.T) {
	s := newSocket(t)
	m := beforeGuard(t, uapi.SocketOpsMsgMax)
	optlen := beforeGuard(t, 4)
	binary.NativeEndian.PutUint32(optlen.data, 10)
	optlen.protect(unix.PROT_READ)
	s.wantCounts(t, uapi.Stats{Gets: 1, GetBytes: 10}, "a get of 10 bytes with a read-only optlen", func() {
		wantErrno(t, s.getAt(uapi.SocketOpsGet, m.address, optlen.address), unix.EFAULT, "get with a read-only optlen")
	})
}

// Without a lock, two calls that are counted at the same moment count once. With
// two CPUs and calls as short as these, that happens a few times in 100,000.
func TestStatsMissNoCallOfTwoThreads(t *testing.T) {
	const calls = 100_000
	s, m := newSocket(t), beforeGuard(t, 1)
	for _, c := range []struct {
		name string
		want uapi.Stats
		call func() error
		err  error
	}{
		{"sets of 1 byte", uapi.Stats{Sets: 2 * calls, SetBytes: 2 * calls}, func() error { return s.trySet("m") }, nil},
		{"gets of 1 byte", uapi.Stats{Gets: 2 * calls, GetBytes: 2 * calls}, func() error {
			_, err := s.get(uapi.SocketOpsGet, m.address, 1)
			return err
		}, nil},
		{"sets that are refused", uapi.Stats{Rejected: 2 * calls}, func() error {
			return s.set(uapi.SocketOpsSet, 0, uapi.SocketOpsMsgMax+1)
		}, unix.EINVAL},
	} {
		s.wantCounts(t, c.want, c.name+" by two threads", func() {
			var group sync.WaitGroup
			for cpu := range 2 {
				group.Go(func() {
					stayOnCPU(t, cpu)
					for range calls {
						if err := c.call(); !errors.Is(err, c.err) {
							t.Errorf("%s: got %s, want %s", c.name, errnoName(err), errnoName(c.err))
							return
						}
					}
				})
			}
			group.Wait()
		})
	}
}

// A get returns a consistent snapshot of the counters: the number of bytes is a
// fixed multiple of the number of sets. Each thread has its own CPU and makes only
// system calls in its loop. Even so, counters that are read one after the other
// are inconsistent only a few times in 100,000 sets.
func TestStatsAreConsistent(t *testing.T) {
	const sets, gets, size = 300_000, 1000, 3 // at least
	s, m := newSocket(t), message(t, strings.Repeat("m", size))
	written := make(chan error, 1)
	var got atomic.Int64
	go func() {
		stayOnCPU(t, 1)
		var err error
		for i := 0; (i < sets || got.Load() < gets) && err == nil && !t.Failed(); i++ {
			err = s.set(uapi.SocketOpsSet, m.address, size)
		}
		written <- err
	}()
	stayOnCPU(t, 0)
	memory := beforeGuard(t, int(unsafe.Sizeof(uapi.Stats{})))
	stats := (*uapi.Stats)(unsafe.Pointer(&memory.data[0]))
	for ; len(written) == 0 && !t.Failed(); got.Add(1) {
		_, err := s.get(uapi.SocketOpsStats, memory.address, int32(len(memory.data)))
		if err != nil || stats.SetBytes != size*stats.Sets {
			t.Errorf("counters while another thread sets messages of %d bytes: got %+v and %s, want %d times as many bytes as sets",
				size, *stats, errnoName(err), size)
		}
	}
	wantErrno(t, <-written, nil, "set while another thread reads the counters")
}

// stayOnCPU binds the calling goroutine to one CPU, on a thread that ends with it.
func stayOnCPU(t *testing.T, cpu int) {
	runtime.LockOSThread()
	var set unix.CPUSet
	set.Set(cpu)
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		t.Errorf("set affinity to CPU %d: %v", cpu, err)
	}
}
