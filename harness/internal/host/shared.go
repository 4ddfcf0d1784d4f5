package host

import (
	"bytes"
	"context"
	"errors"
	"os"
	"runtime"
	"sync"

	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// shared is a run whose tests share a machine, but for those that ask for one of
// their own.
type shared struct {
	run     *run
	src     *source
	askPlan func() (*plan, error)
	slots   chan struct{} // one for each machine that may run beside
	running sync.WaitGroup

	mu    sync.Mutex // of what follows, and of the tests' output
	out   *lastWord
	lines *lineFilter
	units []*unit
}

// doShared runs the tests in one machine. The error is nil when all passed.
func (r *run) doShared(ctx context.Context, src *source) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s := &shared{run: r, src: src, slots: make(chan struct{}, runtime.NumCPU()), out: &lastWord{w: r.stdout}}
	s.askPlan = sync.OnceValues(func() (*plan, error) { return r.askPlan(ctx) })
	s.lines = &lineFilter{w: s.out}
	j := job{flags: readTestFlags(r.Request), stdout: s, stderr: r.stderr, lane: r.trace.lane(0)}
	j.fresh = func(m *machine, test wire.FreshTest) {
		s.running.Go(func() { s.runFresh(ctx, m, test) })
	}
	m, verdict := r.attempt(ctx, src, j)
	if m == nil {
		return verdict
	}
	cancel() // whoever asked for a machine is gone
	s.running.Wait()
	return s.conclude(m, verdict)
}

// Write takes the tests' output.
func (s *shared) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lines.Write(p)
}

// runFresh runs a test of the shared machine in one of its own, puts its output
// in its place, and tells the shared machine how it ended.
func (s *shared) runFresh(ctx context.Context, m *machine, test wire.FreshTest) {
	s.slots <- struct{}{}
	defer func() { <-s.slots }()
	u := newUnit(test.Name, test.Procs)
	s.mu.Lock()
	s.units = append(s.units, u)
	number := len(s.units)
	s.mu.Unlock()
	if p, err := s.askPlan(); err != nil {
		u.err = err
	} else {
		s.run.runUnit(ctx, s.src, p, u, number)
	}
	s.show(u)
	// If the machine is gone, that shows where it is read from.
	_ = m.out.WriteMessage(wire.FreshDone, &wire.FreshResult{ID: test.ID, Passed: u.err == nil})
}

// show prints what a fresh machine printed, without the line that starts the
// test, which the shared machine has printed, and has that leave out its own on
// how the test ended.
func (s *shared) show(u *unit) {
	s.mu.Lock()
	defer s.mu.Unlock()
	once := &lineFilter{w: s.out}
	once.drop("=== RUN   " + u.name + "\n")
	// It can not be written: the next line of the shared machine finds out.
	_ = errors.Join(u.out.play(once, s.run.stderr), once.flush())
	switch {
	case u.err != nil:
		s.lines.drop("--- FAIL: " + u.name + " (")
	case s.run.Values["test.v"] != "false":
		s.lines.drop("--- SKIP: " + u.name + " (")
	}
}

// conclude ends the output, and returns why the tests did not all pass.
func (s *shared) conclude(m *machine, verdict error) error {
	r := s.run
	var failures []*Failure
	if verdict != nil {
		failures = append(failures, asFailure(verdict))
	}
	if err := r.showKernelLog(r.stderr, m, verdict != nil, ""); err != nil {
		failures = append(failures, asFailure(err))
	}
	for _, u := range s.units {
		if u.err != nil {
			failures = append(failures, asFailure(u.err))
		}
	}
	if err := s.mergeCoverage(); err != nil {
		failures = append(failures, asFailure(err))
	}
	if err := errors.Join(s.lines.flush(), s.out.finish(len(failures) == 0)); err != nil {
		failures = append(failures, failf(HostBroke, err, "write the tests' output"))
	}
	if len(failures) == 0 {
		return nil
	}
	return worst(failures)
}

// mergeCoverage adds what ran in fresh machines to the shared one's profile.
func (s *shared) mergeCoverage() error {
	if len(s.units) == 0 || s.run.Values["test.coverprofile"] == "" {
		return nil
	}
	path := s.run.resultPath("test.coverprofile")
	text, err := os.ReadFile(path)
	if err != nil {
		return nil //nolint:nilerr // the shared machine wrote none: the verdict says why
	}
	first := &unit{name: "the shared machine"}
	first.profile.Write(text)
	cover, err := mergeProfiles(append([]*unit{first}, s.units...))
	if err != nil {
		return err
	}
	s.out.held = lastWords(s.out.held, bytes.Contains(s.out.held, []byte("PASS\n")), cover.percent())
	return cover.write(path)
}
