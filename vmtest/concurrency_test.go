package vmtest

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kmodtest/kmodtest/kmod/uapi"
)

// timeout limits a call that must not wait for anything.
const timeout = 30 * time.Second

// A reader never sees a partial message, or one that was never set. If the module
// had no lock, it would see one after some ten thousand sets. One writer and one
// reader, each on its own CPU, collide most often.
func TestReaderSeesWholeMessages(t *testing.T) {
	const sets, gets = 100_000, 1000 // at least
	s := newSocket(t)
	s.store(t, lettered(0))
	written := make(chan error, 1)
	var got atomic.Int64
	go func() {
		var err error
		for i := 0; (i < sets || got.Load() < gets) && err == nil && !t.Failed(); i++ {
			err = s.trySet(lettered(i))
		}
		written <- err
	}()
	for ; len(written) == 0 && !t.Failed(); got.Add(1) {
		if got, err := s.tryGet(uapi.SocketOpsLast); err != nil || !isLettered(got) {
			t.Errorf("last message while another thread sets: got %q and %s, want a message that was set",
				got, errnoName(err))
		}
	}
	wantErrno(t, <-written, nil, "set while another thread gets")
}

// lettered returns the i-th of 26 messages. Each repeats one letter, which
// determines its length.
func lettered(i int) string {
	letter := i % 26
	return strings.Repeat(string(rune('a'+letter)), uapi.SocketOpsMsgMax-letter)
}

// isLettered reports whether lettered returns message for some i.
func isLettered(message string) bool {
	return message != "" && len(message) == uapi.SocketOpsMsgMax-int(message[0]-'a') && strings.Trim(message, message[:1]) == ""
}

func TestReaderSeesOldMessageUntilSetHasReadItsOwn(t *testing.T) {
	s := newSocket(t)
	s.store(t, "old")
	slow := newSlowMemory(t)
	done := make(chan error, 1)
	go func() { done <- s.set(uapi.SocketOpsSet, slow.halfway(4), 8) }()
	slow.wait()
	var seen string
	err := within(t, "get of the last message during a set", func() (err error) {
		seen, err = s.tryGet(uapi.SocketOpsLast)
		return err
	})
	wantErrno(t, err, nil, "get of the last message during a set")
	if seen != "old" {
		t.Fatalf("last message while a set has read half of its message: got %q, want %q", seen, "old")
	}
	slow.fill("12345678")
	wantEnd(t, done, "set of memory that arrived late")
	s.wantLast(t, slow.before(4)+"1234", "after the set")
}

func TestSetsDoNotWaitForEachOther(t *testing.T) {
	s := newSocket(t)
	slow := newSlowMemory(t)
	done := make(chan error, 1)
	go func() { done <- s.set(uapi.SocketOpsSet, slow.halfway(4), 8) }()
	slow.wait()
	err := within(t, "set during another set", func() error { return s.trySet("overtakes") })
	wantErrno(t, err, nil, "set during another set")
	s.wantLast(t, "overtakes", "after a set that started later")
	slow.fill("12345678")
	wantEnd(t, done, "set of memory that arrived late")
	s.wantLast(t, slow.before(4)+"1234", "after the slower set")
}

func TestSetDoesNotWaitForGet(t *testing.T) {
	s := newSocket(t)
	s.store(t, strings.Repeat("o", 8))
	slow := newSlowMemory(t)
	done := make(chan error, 1)
	go func() {
		_, err := s.get(uapi.SocketOpsLast, slow.halfway(4), 8)
		done <- err
	}()
	slow.wait()
	err := within(t, "set during a get", func() error { return s.trySet("new") })
	wantErrno(t, err, nil, "set during a get")
	slow.fill("")
	wantEnd(t, done, "get into memory that arrived late")
	s.wantLast(t, "new", "after a set during a get")
}

// within runs do in a goroutine and returns its error. It fails the test if do
// does not return in time.
func within(t *testing.T, what string, do func() error) error {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- do() }()
	return endOf(t, what, done)
}

// wantEnd checks that a call that nothing blocks any more succeeds.
func wantEnd(t *testing.T, done <-chan error, what string) {
	t.Helper()
	wantErrno(t, endOf(t, what, done), nil, "%s", what)
}

// endOf returns the error of a call that nothing blocks any more. It fails the
// test if the call does not return in time.
func endOf(t *testing.T, what string, done <-chan error) error {
	t.Helper()
	select {
	case err := <-done:
		return err
	case <-time.After(timeout):
		t.Fatalf("%s: not finished after %v", what, timeout)
		return nil
	}
}
