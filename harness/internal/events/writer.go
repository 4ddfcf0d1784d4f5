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

// verbs are the beginnings of the testing package's lines that get a mark.
var verbs = []struct{ line, verb string }{
	{"=== RUN   ", inside.MarkRun},
	{"=== PAUSE ", inside.MarkPause},
	{"=== CONT  ", inside.MarkCont},
	{"--- PASS: ", inside.MarkEnd},
	{"--- FAIL: ", inside.MarkEnd},
	{"--- SKIP: ", inside.MarkEnd},
}

// unnamed is the line that the testing package prints after a top-level test.
const unnamed = "=== NAME  \n"

// Write is called by the testing package with one event and the lines that belong to
// it, or with one line of a test's log. The test continues only when Write returns, so
// its mark precedes everything that it does.
func (r *reporter) Write(p []byte) (int, error) {
	text, isEvent := strings.CutPrefix(string(p), Marker)
	if !isEvent {
		r.say(text)
		return len(p), nil
	}
	if text == unnamed && r.muted.Load() {
		return len(p), nil
	}
	for _, v := range verbs {
		if rest, ok := strings.CutPrefix(text, v.line); ok {
			r.tell(v.verb, v.line, rest)
			return len(p), nil
		}
	}
	r.say(text)
	return len(p), nil
}

// tell prints and marks an event: a line that begins with what, and the lines that
// belong to it.
func (r *reporter) tell(verb, what, rest string) {
	name, _, _ := strings.Cut(rest, "\n")
	if verb != inside.MarkEnd {
		if r.hush(verb, name) {
			return
		}
		r.say(what + rest)
		switch {
		case verb == inside.MarkPause:
			r.mark(verb, name)
		case verb == inside.MarkRun && !strings.Contains(name, "/"):
			// begin writes this mark.
		default:
			r.start(verb, name)
		}
		return
	}
	took := ""
	if i := strings.LastIndex(name, " ("); i >= 0 {
		name, took = name[:i], strings.Trim(name[i:], " ()")
	}
	if r.hush(verb, name) {
		return
	}
	result := strings.Trim(what, "- :")
	if number := r.mark(verb, name, result, took); number != 0 {
		what = "<<< " + strconv.FormatUint(number, 10) + "\n" + what
	}
	r.say(what + rest)
}

// hush reports whether an event belongs to a top-level test that is not selected. At
// its start only its number is known.
func (r *reporter) hush(verb, name string) (hushed bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer func() { r.muted.Store(hushed) }()
	if verb == inside.MarkRun && !strings.Contains(name, "/") {
		return !r.turns.has(r.starts)
	}
	if name != r.hushed {
		return false
	}
	if verb == inside.MarkEnd {
		r.hushed = ""
	}
	return true
}

// say prints lines, each after a Marker, with a single write.
func (r *reporter) say(text string) {
	var out bytes.Buffer
	for line := range strings.Lines(text) {
		out.WriteString(Marker + line)
	}
	// An error means that the host is gone, which ends the machine.
	_, _ = r.out.Write(out.Bytes())
}

// patience is the longest time for which a test waits until all earlier output has
// gone to the host.
const patience = 100 * time.Millisecond

// drain waits until standard output, a pipe, is empty. PID 1 removes data from it
// only after it has sent them to the host, and then adds to inside.TakenFile.
func (r *reporter) drain() {
	r.draining.Lock()
	defer r.draining.Unlock()
	for begin := time.Now(); time.Since(begin) < patience; { // other goroutines may print all the time
		if n, err := unix.IoctlGetInt(int(r.out.Fd()), unix.TIOCINQ); err != nil || n == 0 {
			return
		}
		taken := []unix.PollFd{{Fd: inside.TakenFile, Events: unix.POLLIN}}
		if n, err := unix.Poll(taken, int(patience.Milliseconds())); n == 0 || err != nil && !errors.Is(err, unix.EINTR) {
			return
		}
		var count [8]byte
		_, _ = unix.Read(inside.TakenFile, count[:]) // sets the count to 0
	}
}
