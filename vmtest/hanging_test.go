package vmtest

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/kmod/uapi"
)

// A hanging call is one that waits inside the module: in the middle of its copy
// from or to slow memory, of which half is there.
type hangingCall struct {
	name    string
	command int32
	isSet   bool
	size    int    // of its memory; half is there
	answer  string // to a get, on a hanging socket
}

// hangingCalls are all that the module knows. Half of each is even in words, so
// that no word is copied from or to both pages.
var hangingCalls = []hangingCall{
	{"set", uapi.SocketOpsSet, true, uapi.SocketOpsMsgMax, ""},
	{"get of the greeting", uapi.SocketOpsGet, false, 16, greeting[:16]},
	{"get of the last message", uapi.SocketOpsLast, false, uapi.SocketOpsMsgMax, longest("o")},
	{"get of the counters", uapi.SocketOpsStats, false, 16, "\x01" + strings.Repeat("\x00", 15)}, // a set, and no get
}

// begin makes the call on s, and returns once it hangs. What it returned comes
// from the channel.
func (c hangingCall) begin(s socket, slow slowMemory) <-chan error {
	slow.t.Helper()
	done := make(chan error, 1)
	go func() { done <- c.do(s, slow) }()
	slow.wait()
	return done
}

// do makes the call, and waits for its end.
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

// end is what a hanging call returns, which must not hang any longer.
func (c hangingCall) end(t *testing.T, done <-chan error) error {
	t.Helper()
	return endOf(t, c.name+" that nothing holds any more", done)
}

// newHangingSocket opens a socket whose namespace holds as long a message as
// can be.
func newHangingSocket(t *testing.T) socket {
	t.Helper()
	s := newSocket(t)
	s.store(t, longest("o"))
	return s
}

// longest is the longest message of one letter.
func longest(letter string) string {
	return strings.Repeat(letter, uapi.SocketOpsMsgMax)
}

// While a call hangs, unloading is refused, and every other call works; then it
// goes on as if nothing had been.
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
			wantErrno(t, c.end(t, done), nil, "%s, after it hung", c.name)
			if c.isSet {
				s.wantLast(t, slow.before(c.size/2)+longest("n")[:c.size/2], "after a set that hung")
				return
			}
			s.wantLast(t, "two", "after a "+c.name+" during which it was set")
			if first, second := slow.halves(c.size); string(first)+string(second) != c.answer {
				t.Errorf("%s that hung: got %q and %q, want %q", c.name, first, second, c.answer)
			}
		})
	}
}

// A call that is in the middle of a buffer that goes away fails, and does no
// more than that.
func TestBufferUnmappedDuringCall(t *testing.T) {
	for _, c := range hangingCalls {
		t.Run(c.name, func(t *testing.T) {
			s, slow := newHangingSocket(t), newSlowMemory(t)
			s.wantCounts(t, uapi.Stats{Rejected: 1}, "a "+c.name+" whose buffer went away", func() {
				done := c.begin(s, slow)
				slow.remove()
				wantErrno(t, c.end(t, done), unix.EFAULT, "%s whose buffer went away", c.name)
			})
			s.wantLast(t, longest("o"), "after a "+c.name+" whose buffer went away")
		})
	}
}

// What a set has read it does not read again: here its first half is rewritten
// while it waits for the second.
func TestBufferRewrittenDuringSet(t *testing.T) {
	c, s, slow := hangingCalls[0], newHangingSocket(t), newSlowMemory(t)
	done := c.begin(s, slow)
	first, _ := slow.halves(c.size)
	copy(first, longest("x"))
	slow.fill(longest("n"))
	wantErrno(t, c.end(t, done), nil, "set whose buffer was rewritten")
	s.wantLast(t, slow.before(c.size/2)+longest("n")[:c.size/2], "after a set whose buffer was rewritten")
}

// What a get has written it does not write again, and what it writes is of one
// message, even if another one is set meanwhile.
func TestBufferRewrittenDuringGet(t *testing.T) {
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
		t.Fatalf("buffer of a get, whose first half was rewritten meanwhile: got %q, want %q", got, want)
	}
}

// A get reads *optlen before it comes to the module, and does not hold it until
// then.
func TestUnloadBeforeGetIsInside(t *testing.T) {
	s, slow := newSocket(t), newSlowMemory(t)
	buffer := beforeGuard(t, len(greeting))
	done := make(chan error, 1)
	go func() { done <- s.getAt(uapi.SocketOpsGet, buffer.address, slow.second()) }()
	slow.wait()
	reload(t)
	slow.fill("\x05\x00\x00\x00")
	wantEnd(t, done, "get during which the module was loaded again")
	buffer.wantWritten(greeting[:5], "get during which the module was loaded again")
}
