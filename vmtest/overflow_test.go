package vmtest

import (
	"fmt"
	"math"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/guest"
	"github.com/kmodtest/kmodtest/kmod/uapi"
)

// preset is a module of the suite's own that gives counters other values: no
// test lives long enough to count that far.
const preset = "preset"

// presetCounters gives all counters of the network namespace that the calling
// goroutine and s are in the same value. The module's function at finder finds
// them.
func presetCounters(t *testing.T, s socket, finder, value uint64) {
	t.Helper()
	now := s.stats(t)
	now.Gets, now.GetBytes = now.Gets+1, now.GetBytes+40 // as that get counted itself
	guest.UnloadModule(t, preset)
	guest.LoadModule(t, preset, fmt.Sprintf("finder=%#x", finder),
		fmt.Sprintf("from=%d,%d,%d,%d,%d", now.Sets, now.Gets, now.SetBytes, now.GetBytes, now.Rejected),
		fmt.Sprintf("to=%[1]d,%[1]d,%[1]d,%[1]d,%[1]d", value))
	if got, want := s.stats(t), (uapi.Stats{Sets: value, Gets: value, SetBytes: value, GetBytes: value, Rejected: value}); got != want {
		t.Fatalf("counters that were preset: got %+v, want %+v", got, want)
	}
}

// Counters have 64 bits, and then begin again at 0, none at the cost of another.
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
				t.Fatalf("counters from %d on: got %+v, want %+v", last, got, want)
			}
		})
	}
}
