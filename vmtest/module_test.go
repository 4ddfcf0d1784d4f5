package vmtest

import (
	"fmt"
	"math"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/guest"
	"github.com/kmodtest/kmodtest/kmod/uapi"
)

// wantBlock checks that the module's commands begin at base, and that the commands
// before and after them do not exist.
func wantBlock(t *testing.T, base int32) {
	t.Helper()
	s := newSocket(t)
	m := message(t, "at another base")
	set := func(command int32) error { return s.set(command, m.address, int32(len(m.data))) }
	wantErrno(t, set(base), nil, "set of command %d, the base", base)
	wantErrno(t, set(base-1), unix.ENOPROTOOPT, "set of command %d, one below the base", base-1)
	wantErrno(t, set(base+1), unix.ENOPROTOOPT, "set of command %d, one above the base", base+1)

	got, err := s.tryGet(base + 1)
	wantErrno(t, err, nil, "get of the last message by command %d", base+1)
	if got != "at another base" {
		t.Fatalf("last message with base %d: got %q", base, got)
	}
	got, err = s.tryGet(base)
	wantErrno(t, err, nil, "get of the greeting by command %d", base)
	if got != greeting {
		t.Fatalf("greeting with base %d: got %q, want %q", base, got, greeting)
	}
	_, err = s.tryGet(base + 2)
	wantErrno(t, err, nil, "get of the counters by command %d", base+2)
	for _, command := range []int32{base - 1, base + 3} {
		_, err = s.tryGet(command)
		wantErrno(t, err, unix.ENOPROTOOPT, "get of command %d with base %d", command, base)
	}
}

// wantAbsent checks that the default commands do not exist.
func wantAbsent(t *testing.T, s socket, when string) {
	t.Helper()
	wantErrno(t, s.trySet("a message"), unix.ENOPROTOOPT, "set %s", when)
	for _, command := range []int32{uapi.SocketOpsGet, uapi.SocketOpsLast, uapi.SocketOpsStats} {
		_, err := s.tryGet(command)
		wantErrno(t, err, unix.ENOPROTOOPT, "get of command %d %s", command, when)
	}
}

func TestLoadingTwiceIsRefused(t *testing.T) {
	s := newSocket(t)
	s.store(t, "kept")
	wantErrno(t, guest.TryLoadModule(t, module), unix.EEXIST, "load of a loaded module")
	s.wantLast(t, "kept", "after a second load")
}

func TestBaseMovesAllCommands(t *testing.T) {
	for _, base := range []int32{20000, math.MaxInt32 - 3} {
		t.Run(fmt.Sprint(base), func(t *testing.T) {
			guest.UnloadModule(t, module)
			guest.LoadModule(t, module, fmt.Sprintf("base=%d", base))
			wantBlock(t, base)
			wantAbsent(t, newSocket(t), "at the default base")
		})
	}
}

func TestDefaultBaseIsBackAfterMoving(t *testing.T) {
	t.Run("moved", func(t *testing.T) {
		guest.UnloadModule(t, module)
		guest.LoadModule(t, module, "base=20000")
	})
	wantBlock(t, uapi.SocketOpsBase)
}

func TestBadBaseIsRefused(t *testing.T) {
	guest.UnloadModule(t, module)
	for _, c := range []struct {
		base string
		want error
	}{
		{"-1", unix.EINVAL},
		{"-2147483648", unix.EINVAL},
		{"2147483645", unix.EINVAL}, // the block would not fit below INT_MAX
		{"2147483647", unix.EINVAL},
		{"2147483648", unix.ERANGE}, // not an int at all
		{"word", unix.EINVAL},
		{"", unix.EINVAL},
	} {
		wantErrno(t, guest.TryLoadModule(t, module, "base="+c.base), c.want, "load with base=%s", c.base)
		if guest.ModuleLoaded(t, module) {
			t.Fatalf("load with base=%s: refused, but the module is loaded", c.base)
		}
	}
	wantAbsent(t, newSocket(t), "after loads that failed")
}
