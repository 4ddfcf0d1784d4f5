package vmtest

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/kmod/uapi"
)

// A hangingCall is a call that blocks inside the module, in the middle of its copy
// from or to slow memory, half of which is present.
type hangingCall struct {
	name    string
	command int32
	isSet   bool
	size    int    // of its memory, half of which is present
	answer  string // to a get on a socket of newHangingSocket
}

// hangingCalls are all calls that the module supports. Half of each size is a
// multiple of the word size, so that no word spans both pages.
var hangingCalls = []hangingCall{
	{"set", uapi.SocketOpsSet, true, uapi.SocketOpsMsgMax, ""},
	{"get of the greeting", uapi.SocketOpsGet, false, 16, greeting[:16]},
	{"get of the last message", uapi.SocketOpsLast, false, uapi.SocketOpsMsgMax, longest("o")},
	{"get of the counters", uapi.SocketOpsStats, false, 16, counts(1, 0)}, // a set, and no get
}

// counts returns counters as the kernel stores them.
func counts(counters ...uint64) string {
	var b []byte
	for _, c := range counters {
		b = binary.NativeEndian.AppendUint64(b, c)
	}
	return string(b)
}

// begin starts the call on s, and returns once it blocks. The channel receives the
// call's error.
func (c hangingCall) begin(s socket, slow slowMemory) <-chan error {
	slow.t.Helper()
	done := make(chan error, 1)
	go func() { done <- c.do(s, slow) }()
	slow.wait()
	return done
}

// do makes the call and returns its error.
func (c hangingCall) do(s socket, slow slowMemory) error {
	if c.isSet {
		return s.set(c.command, slow.halfway(c.size/2), int32(c.size))
	}
	length, err := s.get(c.command, slow.halfway(c.size/2), int32(c.size))
	if err == nil && int(length) != c.size {
		return fmt.Errorf("*optlen is %d, want %d", length, c.size)
	}
	return err
}

// end returns the error of a call that must no longer block.
func (c hangingCall) end(t *testing.T, done <-chan error) error {
	t.Helper()
	return endOf(t, c.name+" that nothing blocks any more", done)
}

// newHangingSocket opens a socket in a namespace that holds a message of the
// maximum length.
func newHangingSocket(t *testing.T) socket {
	t.Helper()
	s := newSocket(t)
	s.store(t, longest("o"))
	return s
}

// longest returns a message of the maximum length that repeats one letter.
func longest(letter string) string {
	return strings.Repeat(letter, uapi.SocketOpsMsgMax)
}

// While a call is blocked, unloading is refused, and every other call works. The
// blocked call then finishes normally.
func TestEverythingWorksWhileCallHangs(t *testing.T) {
	for _, c := range hangingCalls {
		t.Run(c.name, func(t *testing.T) {
			s, slow := newHangingSocket(t), newSlowMemory(t)
			done := c.begin(s, slow)
			for _, message := range []string{"one", "two"} {
				err := within(t, "calls during a "+c.name, func() error {
					if err := s.trySet(message); err != nil {
						return err
					}
					for _, command := range []int32{uapi.SocketOpsGet, uapi.SocketOpsStats} {
						if _, err := s.tryGet(command); err != nil {
							return err
						}
					}
					return nil
				})
				wantErrno(t, err, nil, "calls during a %s", c.name)
				s.wantLast(t, message, "during a "+c.name)
				wantUnloadRefused(t, "during a "+c.name)
			}
			slow.fill(longest("n"))
			wantErrno(t, c.end(t, done), nil, "%s, after it was blocked", c.name)
			if c.isSet {
				s.wantLast(t, slow.before(c.size/2)+longest("n")[:c.size/2], "after a set that was blocked")
				return
			}
			s.wantLast(t, "two", "after a "+c.name+" during which it was set")
			if first, second := slow.halves(c.size); string(first)+string(second) != c.answer {
				t.Errorf("%s that was blocked: got %q and %q, want %q", c.name, first, second, c.answer)
			}
		})
	}
}

// A call whose buffer is unmapped in the middle of the copy fails, and has no
// other effect.
func TestBufferUnmappedDuringCall(t *testing.T) {
	for _, c := range hangingCalls {
		t.Run(c.name, func(t *testing.T) {
			s, slow := newHangingSocket(t), newSlowMemory(t)
			s.wantCounts(t, uapi.Stats{Rejected: 1}, "a "+c.name+" whose buffer was unmapped", func() {
				done := c.begin(s, slow)
				slow.remove()
				wantErrno(t, c.end(t, done), unix.EFAULT, "%s whose buffer was unmapped", c.name)
			})
			s.wantLast(t, longest("o"), "after a "+c.name+" whose buffer was unmapped")
		})
	}
}

// A set does not read any byte twice: here the first half is rewritten while the
// set waits for the second.
func TestBufferRewrittenDuringSet(t *testing.T) {
	needsCopyByPages(t)
	c, s, slow := hangingCalls[0], newHangingSocket(t), newSlowMemory(t)
	done := c.begin(s, slow)
	first, _ := slow.halves(c.size)
	copy(first, longest("x"))
	slow.fill(longest("n"))
	wantErrno(t, c.end(t, done), nil, "set whose buffer was rewritten")
	s.wantLast(t, slow.before(c.size/2)+longest("n")[:c.size/2], "after a set whose buffer was rewritten")
}

// A get does not write any byte twice, and all bytes that it writes belong to one
// message, even if another one is set meanwhile.
func TestBufferRewrittenDuringGet(t *testing.T) {
	needsCopyByPages(t)
	c, s, slow := hangingCalls[2], newHangingSocket(t), newSlowMemory(t)
	done := c.begin(s, slow)
	first, second := slow.halves(c.size)
	if got, want := string(first), longest("o")[:c.size/2]; got != want {
		t.Fatalf("first half of a get that waits for its second: got %q, want %q", got, want)
	}
	copy(first, longest("x"))
	s.store(t, longest("n"))
	slow.fill("")
	wantErrno(t, c.end(t, done), nil, "get whose buffer was rewritten")
	if got, want := string(first)+string(second), longest("x")[:c.size/2]+longest("o")[:c.size/2]; got != want {
		t.Fatalf("buffer of a get whose first half was rewritten meanwhile: got %q, want %q", got, want)
	}
}

// The core reads *optlen before a get reaches the module, and takes a reference to
// the module only afterwards.
func TestUnloadBeforeGetIsInside(t *testing.T) {
	s, slow := newSocket(t), newSlowMemory(t)
	buffer := beforeGuard(t, len(greeting))
	done := make(chan error, 1)
	go func() { done <- s.getAt(uapi.SocketOpsGet, buffer.address, slow.second()) }()
	slow.wait()
	reload(t)
	slow.fill(string(binary.NativeEndian.AppendUint32(nil, 5)))
	wantEnd(t, done, "get during which the module was loaded again")
	buffer.wantWritten(greeting[:5], "get during which the module was loaded again")
}
