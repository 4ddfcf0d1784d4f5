package events

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/internal/inside"
)

// marker begins the lines that are not the tests' own.
const marker = "\x16"

// verbs are the marks of what the testing package tells.
var verbs = []struct{ line, verb string }{
	{"=== RUN   ", inside.MarkRun},
	{"=== PAUSE ", inside.MarkPause},
	{"=== CONT  ", inside.MarkCont},
	{"--- PASS: ", inside.MarkEnd},
	{"--- FAIL: ", inside.MarkEnd},
	{"--- SKIP: ", inside.MarkEnd},
}

// unnamed is what the testing package prints behind a top-level test.
const unnamed = "=== NAME  \n"

// Write takes what the testing package prints of tests: one event, with what
// belongs to it, or one line of a test's log. A test goes on only when this
// returns, so its mark stands before all that it does.
func (s *stage) Write(p []byte) (int, error) {
	text, isEvent := strings.CutPrefix(string(p), marker)
	if !isEvent {
		s.say(text)
		return len(p), nil
	}
	if text == unnamed && s.muted.Load() {
		return len(p), nil
	}
	for _, v := range verbs {
		if rest, ok := strings.CutPrefix(text, v.line); ok {
			s.tell(v.verb, v.line, rest)
			return len(p), nil
		}
	}
	s.say(text)
	return len(p), nil
}

// tell passes on an event that is marked: a line that begins with what, and what
// belongs to it.
func (s *stage) tell(verb, what, rest string) {
	name, _, _ := strings.Cut(rest, "\n")
	if verb != inside.MarkEnd {
		if s.hush(verb, name) {
			return
		}
		s.say(what + rest)
		switch {
		case verb == inside.MarkPause:
			s.mark(verb, name)
		case verb == inside.MarkRun && !strings.Contains(name, "/"):
			// The test marks that itself: see begin.
		default:
			s.start(verb, name)
		}
		return
	}
	took := ""
	if i := strings.LastIndex(name, " ("); i >= 0 {
		name, took = name[:i], strings.Trim(name[i:], " ()")
	}
	if s.hush(verb, name) {
		return
	}
	result := strings.Trim(what, "- :")
	if number := s.mark(verb, name, result, took); number != 0 {
		what = "<<< " + strconv.FormatUint(number, 10) + "\n" + what
	}
	s.say(what + rest)
}

// hush tells whether an event is of a top-level test that does not run. When it
// starts, that is known only by its number.
func (s *stage) hush(verb, name string) (hushed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer func() { s.muted.Store(hushed) }()
	if verb == inside.MarkRun && !strings.Contains(name, "/") {
		return !s.turns.has(s.starts)
	}
	if name != s.hushed {
		return false
	}
	if verb == inside.MarkEnd {
		s.hushed = ""
	}
	return true
}

// say prints lines, each behind a marker, with a single write.
func (s *stage) say(text string) {
	var out bytes.Buffer
	for line := range strings.Lines(text) {
		out.WriteString(marker + line)
	}
	// A host that is gone ends the machine.
	_, _ = s.out.Write(out.Bytes())
}

// patience is how long a test waits at most until what was printed before has
// gone to the host.
const patience = 100 * time.Millisecond

// drain waits until standard output, a pipe, has been emptied: PID 1 takes out of
// it only what it has sent, and tells then.
func (s *stage) drain() {
	s.draining.Lock()
	defer s.draining.Unlock()
	for begin := time.Now(); time.Since(begin) < patience; { // others may print all the time
		if n, err := unix.IoctlGetInt(int(s.out.Fd()), unix.TIOCINQ); err != nil || n == 0 {
			return
		}
		taken := []unix.PollFd{{Fd: inside.TakenFile, Events: unix.POLLIN}}
		if n, err := unix.Poll(taken, int(patience.Milliseconds())); n == 0 || err != nil && !errors.Is(err, unix.EINTR) {
			return
		}
		var count [8]byte
		_, _ = unix.Read(inside.TakenFile, count[:]) // which makes it 0
	}
}
