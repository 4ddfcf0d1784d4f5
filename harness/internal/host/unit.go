package host

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"regexp"
	"sync"

	"github.com/kmodtest/kmodtest/harness/internal/inside"
)

// unit is a part of the tests that has a machine of its own.
type unit struct {
	name  string // of the test; "" for all that is no test
	procs int    // GOMAXPROCS of a test
	out   transcript

	done     chan struct{}
	tail     []byte    // the testing package's last words
	profiles []profile // cover profiles, some of which may be empty
	err      error     // why it did not pass
}

func newUnit(name string, procs int) *unit {
	return &unit{name: name, procs: procs, done: make(chan struct{})}
}

// title is how messages name the unit.
func (u *unit) title() string {
	if u.name == "" {
		return "what is no test"
	}
	return u.name
}

// runUnit runs a unit in a machine of its own, and closes done. number tells it
// from others.
func (r *run) runUnit(ctx context.Context, src *source, p *plan, u *unit, number int) {
	defer close(u.done)
	stdout := &lastWord{w: u.out.stdout(), both: true}
	show := &play{
		request: p.request(r.Request, u), title: u.title(),
		stdout: stdout, stderr: u.out.stderr(),
		lane:    r.trace.lane(number),
		between: func() { stdout.take() },
	}
	if p.CoverMode != "" {
		show.profile = unitProfile
	}
	if u.name != "" {
		show.env = []string{inside.FreshVariable + "=" + u.name}
	}
	u.err = r.perform(ctx, src, show)
	u.tail, u.profiles = stdout.take(), show.profiles
	if u.err == nil {
		return
	}
	f := asFailure(u.err)
	if !f.Quiet {
		f.Title = u.title() + ": " + f.Title
		_, _ = io.WriteString(u.out.stderr(), f.report()) // to memory, or to a terminal
	}
	u.err = f
}

// transcript keeps what a unit prints until it is its turn.
type transcript struct {
	mu     sync.Mutex
	pieces []piece
	live   [2]io.Writer // standard output and error, once it is
}

type piece struct {
	stream int
	text   []byte
}

func (t *transcript) stdout() io.Writer { return side{t, 0} }
func (t *transcript) stderr() io.Writer { return side{t, 1} }

// play writes what was kept, and from then on all that comes.
func (t *transcript) play(stdout, stderr io.Writer) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.live = [2]io.Writer{stdout, stderr}
	for _, p := range t.pieces {
		if _, err := t.live[p.stream].Write(p.text); err != nil {
			return err
		}
	}
	t.pieces = nil
	return nil
}

// side is one of a transcript's streams.
type side struct {
	t      *transcript
	stream int
}

// Write keeps p, or passes it on when it is its turn.
func (s side) Write(p []byte) (int, error) {
	s.t.mu.Lock()
	defer s.t.mu.Unlock()
	if w := s.t.live[s.stream]; w != nil {
		return w.Write(p)
	}
	s.t.pieces = append(s.t.pieces, piece{s.stream, bytes.Clone(p)})
	return len(p), nil
}

// coverageLine is the testing package's line on coverage.
var coverageLine = regexp.MustCompile(`(?m)^coverage: [0-9.]+% of statements`)

// lastWords returns the end of many units' output as that of one: theirs is
// tail, covered the share of all statements in percent (below 0: unknown).
func lastWords(tail []byte, passed bool, covered float64) []byte {
	word := []byte("FAIL\n")
	if passed {
		word = []byte("PASS\n")
	}
	mark, _, _ := bytes.Cut(tail, []byte("PASS\n"))
	if m, _, failed := bytes.Cut(tail, []byte("FAIL\n")); failed {
		mark = m
	}
	_, rest, _ := bytes.Cut(tail, []byte("\n"))
	if len(tail) == 0 {
		mark = nil
	}
	if covered >= 0 {
		rest = coverageLine.ReplaceAll(rest, fmt.Appendf(nil, "coverage: %.1f%% of statements", covered))
	}
	return append(append(bytes.Clone(mark), word...), rest...)
}
