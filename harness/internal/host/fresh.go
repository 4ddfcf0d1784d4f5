package host

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"runtime"
	"sync"

	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// doFresh runs every test in a machine of its own, several at a time, and prints
// one stream in the order of the tests. The error is nil when all passed.
func (r *run) doFresh(ctx context.Context, src *source) error {
	if err := refuseFlags(r.Request); err != nil {
		return err
	}
	p, err := r.askPlan(ctx)
	if err != nil {
		return interruptedOr(ctx, err)
	}
	units := p.units(r.Values["test.bench"] != "")
	if len(units) == 0 {
		return r.doShared(ctx, src)
	}
	if len(units) > 2 {
		end := r.trace.lane(0).phase("load")
		src.load(ctx, func(out *wire.Writer) error { return r.sendFiles(out, readTestFlags(r.Request)) })
		end()
	}
	if _, err := io.WriteString(r.stdout, p.shuffle); err != nil {
		return failf(HostBroke, err, "write the tests' output")
	}
	ctx, cancel := context.WithCancelCause(ctx)
	ended := r.startUnits(ctx, src, p, units)
	shown, err := r.showUnits(units, r.Values["test.failfast"] == "true")
	cancel(errFailFast)
	ended.Wait()
	return r.concludeUnits(shown, err)
}

// startUnits starts all units, as many at a time as there are processors.
func (r *run) startUnits(ctx context.Context, src *source, p *plan, units []*unit) *sync.WaitGroup {
	next := make(chan int)
	go func() {
		defer close(next)
		for i := range units {
			next <- i
		}
	}()
	var ended sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(units)) {
		ended.Go(func() {
			for i := range next {
				if context.Cause(ctx) != nil {
					units[i].err = interruptedOr(ctx, context.Cause(ctx))
					close(units[i].done)
					continue
				}
				r.runUnit(ctx, src, p, units[i], i)
			}
		})
	}
	return &ended
}

// showUnits prints what the units print, in their order, and returns those that
// it has shown: all, or, if it is to fail fast, up to the first that failed.
func (r *run) showUnits(units []*unit, failFast bool) ([]*unit, error) {
	for i, u := range units {
		if err := u.out.play(r.stdout, r.stderr); err != nil {
			return units[:i], failf(HostBroke, err, "write the tests' output")
		}
		<-u.done
		var f *Failure
		if u.err != nil && failFast || errors.As(u.err, &f) && f.interrupted() {
			return units[:i+1], nil
		}
	}
	return units, nil
}

// concludeUnits puts together what the units leave, and returns why they did not
// all pass; err is what is already known to be wrong.
func (r *run) concludeUnits(units []*unit, err error) error {
	var profiles []profile
	for _, u := range units {
		profiles = append(profiles, u.profiles...)
	}
	cover, coverErr := mergeProfiles(profiles)
	if r.Values["test.coverprofile"] != "" && coverErr == nil && len(cover.order) > 0 {
		coverErr = cover.write(r.resultPath("test.coverprofile"))
	}
	var failures []*Failure
	for _, e := range []error{err, coverErr} {
		if e != nil {
			failures = append(failures, asFailure(e))
		}
	}
	var tail []byte
	for _, u := range units {
		if u.err != nil {
			failures = append(failures, asFailure(u.err))
		}
		if tail == nil {
			tail = u.tail
		}
	}
	if _, e := r.stdout.Write(lastWords(tail, len(failures) == 0, cover.percent())); e != nil {
		failures = append(failures, failf(HostBroke, e, "write the tests' output"))
	}
	if len(failures) == 0 {
		return nil
	}
	return worst(failures)
}

// worst returns the failure that decides how a run ends of which several parts
// failed: an interrupt, then a fault of the kernel, then of our own side, then
// the first test.
func worst(failures []*Failure) *Failure {
	rank := func(f *Failure) int {
		switch {
		case f.interrupted():
			return 3
		case f.Kind == KernelFault:
			return 2
		case f.Kind != TestFailed:
			return 1
		}
		return 0
	}
	first := failures[0]
	for _, f := range failures {
		if rank(f) > rank(first) {
			first = f
		}
	}
	return first
}

// resultPath is where a file that a flag names lies on the host.
func (r *run) resultPath(flag string) string {
	return filepath.Clean(resolve(resolve(r.Cwd, r.Values["test.outputdir"]), r.Values[flag]))
}
