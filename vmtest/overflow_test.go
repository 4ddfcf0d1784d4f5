package vmtest

import (
	"fmt"
	"math"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/guest"
	"github.com/kmodtest/kmodtest/kmod/uapi"
)

// preset is a module of the suite that sets the counters, because no test runs
// long enough to overflow them by counting.
const preset = "preset"

// presetCounters sets all counters of a network namespace to value. The calling
// goroutine and s must be in that namespace. finder is the address of the function
// with which the module under test finds its state.
func presetCounters(t *testing.T, s socket, finder, value uint64) {
	t.Helper()
	now := s.stats(t)
	now.Gets, now.GetBytes = now.Gets+1, now.GetBytes+40 // that get counts itself
	guest.UnloadModule(t, preset)
	guest.LoadModule(t, preset, fmt.Sprintf("finder=%#x", finder),
		fmt.Sprintf("from=%d,%d,%d,%d,%d", now.Sets, now.Gets, now.SetBytes, now.GetBytes, now.Rejected),
		fmt.Sprintf("to=%[1]d,%[1]d,%[1]d,%[1]d,%[1]d", value))
	if got, want := s.stats(t), (uapi.Stats{Sets: value, Gets: value, SetBytes: value, GetBytes: value, Rejected: value}); got != want {
		t.Fatalf("counters that were preset: got %+v, want %+v", got, want)
	}
}

// Counters have 64 bits, wrap around to 0, and do not affect each other.
func TestCountersWrapAround(t *testing.T) {
	finder := kernelSymbol(t, "socketopt_netns_state")
	for _, last := range []uint64{math.MaxUint32, math.MaxUint64} {
		t.Run(fmt.Sprint(last), func(t *testing.T) {
			s := newSocket(t)
			presetCounters(t, s, finder, last)
			s.store(t, "abc")
			wantErrno(t, s.set(uapi.SocketOpsSet, 0, 1), unix.EFAULT, "set of unreadable memory")
			want := uapi.Stats{Sets: last + 1, SetBytes: last + 3, Gets: last + 1, GetBytes: last + 40, Rejected: last + 1}
			if got := s.stats(t); got != want {
				t.Fatalf("counters that were at %d: got %+v, want %+v", last, got, want)
			}
		})
	}
}
