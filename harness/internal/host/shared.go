package host

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/kmodtest/kmodtest/harness/internal/machine"
	"github.com/kmodtest/kmodtest/harness/internal/testoutput"
	"github.com/kmodtest/kmodtest/harness/internal/verdict"
	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// shared is a run whose tests share a machine, except those that request a fresh
// one. It takes the output of the shared machine.
type shared struct {
	run     *run
	src     *machine.Source
	askPlan func() (*plan, error)
	slots   chan struct{} // one for each machine that may run at the same time
	running sync.WaitGroup
	open    atomic.Int32 // open requests for fresh machines
	asked   atomic.Int32 // all of them

	mu    sync.Mutex // of the following, and of the tests' output
	out   *testoutput.PassLine
	lines *testoutput.LineFilter
	fresh []*group
}

// maxOpen is how many requests for fresh machines may be open at the same time. An
// intact guest has fewer: see package pid1.
const maxOpen = 128

// maxAsked is how many requests for fresh machines a run may have.
const maxAsked = 10_000

// doShared runs the tests in one machine. The error is nil if all passed.
func (r *run) doShared(ctx context.Context, src *machine.Source) error {
	whole := ctx
	ctx, cancel := context.WithCancel(whole)
	defer cancel()
	s := &shared{run: r, src: src, slots: make(chan struct{}, runtime.GOMAXPROCS(0)), out: testoutput.NewPassLine(r.stdout)}
	s.askPlan = sync.OnceValues(func() (*plan, error) { return r.askPlan(ctx) })
	s.lines = testoutput.NewLineFilter(s.out)
	g := &group{request: r.Request, stdout: s, stderr: r.stderr, thread: r.trace.Thread(0)}
	if r.Values["test.coverprofile"] != "" {
		g.profile = resultPath(r.Request, "test.coverprofile")
	}
	g.fresh = func(m *machine.Machine, test wire.FreshTest) error { return s.request(ctx, m, test) }
	g.err = r.runGroup(ctx, src, g)
	cancel() // the tests that requested fresh machines have ended
	s.running.Wait()
	err := errors.Join(s.lines.Flush(), r.coverage.End(whole, r.platform.Release, r.say))
	return conclude(r.Request, append([]*group{g}, s.fresh...), err, func(passed bool, covered float64) error {
		if len(s.fresh) == 0 && g.machines < 2 {
			return s.out.Finish(passed)
		}
		_, err := r.stdout.Write(testoutput.FinalLines(s.out.Take(), passed, covered))
		return err
	})
}

// request runs a test in a fresh machine, and returns at once.
func (s *shared) request(ctx context.Context, m *machine.Machine, test wire.FreshTest) error {
	if s.open.Add(1) > maxOpen {
		return &wire.GarbledError{Err: fmt.Errorf("more than %d tests request fresh machines at the same time", maxOpen)}
	}
	if s.asked.Add(1) > maxAsked {
		return &wire.GarbledError{Err: fmt.Errorf("more than %d requests for fresh machines in one run", maxAsked)}
	}
	s.running.Go(func() {
		s.runFresh(ctx, m, test)
		s.open.Add(-1)
	})
	return nil
}

// Write takes the output of the shared machine.
func (s *shared) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lines.Write(p)
}

// Take returns the final lines of the shared machine, and forgets them.
func (s *shared) Take() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.out.Take()
}

// runFresh runs a test of the shared machine in a fresh one, prints its output in
// its place, and tells the guest how it ended.
func (s *shared) runFresh(ctx context.Context, m *machine.Machine, test wire.FreshTest) {
	s.slots <- struct{}{}
	defer func() { <-s.slots }()
	g := newFreshGroup(test.Name, test.Procs)
	s.mu.Lock()
	s.fresh = append(s.fresh, g)
	number := len(s.fresh)
	s.mu.Unlock()
	if p, err := s.askPlan(); err != nil {
		g.err = err
	} else if !slices.Contains(p.Names, test.Name) {
		g.err = verdict.Failf(verdict.GuestDown, nil, "the guest requests a fresh machine for %q, but there is no such test", test.Name)
		m.Cancel(g.err) // the guest could send any number of such requests
	} else {
		(&freshTests{s.run, s.src, p}).runGroup(ctx, g, number)
	}
	s.print(g)
	// If the machine has ended, its reader reports that.
	_ = m.Answer(wire.Answer{ID: test.ID, OK: g.err == nil})
}

// print prints the output of a test that had a fresh machine, except its first
// line, which the shared machine has printed. It drops the shared machine's own
// line about the end of the test.
func (s *shared) print(g *group) {
	s.mu.Lock()
	defer s.mu.Unlock()
	once := testoutput.NewLineFilter(s.out)
	once.Drop("=== RUN   " + g.test + "\n")
	// The next line of the shared machine reports an error of the output.
	_ = errors.Join(g.transcript.Print(once, s.run.stderr), once.Flush())
	switch {
	case g.err != nil:
		s.lines.Drop("--- FAIL: " + g.test + " (")
	case s.run.Values["test.v"] != "false":
		s.lines.Drop("--- SKIP: " + g.test + " (")
	}
}
