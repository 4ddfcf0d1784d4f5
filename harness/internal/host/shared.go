package host

import (
	"context"
	"errors"
	"runtime"
	"slices"
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
	s := &shared{run: r, src: src, slots: make(chan struct{}, runtime.GOMAXPROCS(0)), out: &lastWord{w: r.stdout, both: true}}
	s.askPlan = sync.OnceValues(func() (*plan, error) { return r.askPlan(ctx) })
	s.lines = &lineFilter{w: s.out}
	p := &play{request: r.Request, stdout: s, stderr: r.stderr, lane: r.trace.lane(0), between: s.drop}
	if r.Values["test.coverprofile"] != "" {
		p.profile = r.resultPath("test.coverprofile")
	}
	p.fresh = func(m *machine, test wire.FreshTest) {
		s.running.Go(func() { s.runFresh(ctx, m, test) })
	}
	verdict := r.perform(ctx, src, p)
	cancel() // whoever asked for a machine is gone
	s.running.Wait()
	return s.conclude(p, verdict)
}

// drop forgets the last words of a machine that was not the last.
func (s *shared) drop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.out.take()
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
func (s *shared) conclude(p *play, verdict error) error {
	r := s.run
	var failures []*Failure
	if verdict != nil {
		failures = append(failures, asFailure(verdict))
	}
	profiles := p.profiles
	for _, u := range s.units {
		if u.err != nil {
			failures = append(failures, asFailure(u.err))
		}
		profiles = append(profiles, u.profiles...)
	}
	covered, err := r.writeCoverage(profiles)
	if err != nil {
		failures = append(failures, asFailure(err))
	}
	err = s.lines.flush()
	if len(s.units) > 0 || p.machines > 1 {
		s.out.held = lastWords(s.out.held, len(failures) == 0, covered)
	}
	if err := errors.Join(err, s.out.finish(len(failures) == 0)); err != nil {
		failures = append(failures, failf(HostBroke, err, "write the tests' output"))
	}
	if len(failures) == 0 {
		return nil
	}
	return worst(failures)
}

// writeCoverage writes the cover profile that was asked for, made of all that
// came, and returns the share of statements that ran in percent; below 0 is
// unknown.
func (r *run) writeCoverage(profiles []profile) (percent float64, err error) {
	profiles = slices.DeleteFunc(profiles, func(p profile) bool { return len(p.text) == 0 })
	if len(profiles) == 0 {
		return -1, nil // the verdict says why
	}
	cover, err := mergeProfiles(profiles)
	if err != nil {
		return -1, err
	}
	return cover.percent(), cover.write(r.resultPath("test.coverprofile"))
}
