package host

import (
	"context"
	"errors"
	"io"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/kmodtest/kmodtest/harness/internal/inside"
	"github.com/kmodtest/kmodtest/harness/internal/interruption"
	"github.com/kmodtest/kmodtest/harness/internal/machine"
	"github.com/kmodtest/kmodtest/harness/internal/testflags"
	"github.com/kmodtest/kmodtest/harness/internal/testoutput"
	"github.com/kmodtest/kmodtest/harness/internal/upload"
	"github.com/kmodtest/kmodtest/harness/internal/verdict"
	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// doFresh runs each test in a fresh machine, several at a time, and prints
// their output in the order of the tests. The error is nil if all passed.
func (r *run) doFresh(ctx context.Context, src *machine.Source) error {
	if err := refuseFlags(r.Request); err != nil {
		return err
	}
	p, err := r.askPlan(ctx)
	if err != nil {
		return interruption.Or(ctx, err)
	}
	groups := p.freshGroups(r.Values["test.bench"] != "")
	if len(groups) == 0 {
		return r.doShared(ctx, src)
	}
	if len(groups) > 2 && r.coverage == nil { // the memory of such machines cannot be read
		end := r.trace.Thread(0).Phase("load")
		src.Preload(ctx, func(out *wire.Writer) error {
			return upload.Tests(out, r.guest.tests, r.Dir, testflags.Read(r.Request).Bring, r.guest.host, r.guest.memory)
		})
		end()
	}
	if err := writeOutput(r.stdout, []byte(p.shuffle)); err != nil {
		return err
	}
	whole := ctx
	ctx, cancel := context.WithCancelCause(whole)
	f := &freshTests{r, src, p}
	ended := f.start(ctx, groups)
	groups, err = f.print(groups)
	cancel(errFailFast)
	ended.Wait()
	err = errors.Join(err, r.coverage.End(whole, r.platform.Release, r.say))
	return conclude(r.Request, groups, err, func(passed bool, covered float64) error {
		var final []byte
		if i := slices.IndexFunc(groups, func(g *group) bool { return g.final != nil }); i >= 0 {
			final = groups[i].final
		}
		_, err := r.stdout.Write(testoutput.FinalLines(final, passed, covered))
		return err
	})
}

// freshTests runs tests in fresh machines.
type freshTests struct {
	run  *run
	src  *machine.Source
	plan *plan
}

// newFreshGroup returns the group of one test, or, for "", of everything that is
// not a test.
func newFreshGroup(test string, procs int) *group {
	g := &group{test: test, procs: procs, title: test, done: make(chan struct{})}
	if test == "" {
		g.title = "benchmarks, fuzz targets and examples"
	}
	return g
}

// freshGroups returns a group for each test, and one for everything else.
func (p *plan) freshGroups(benchmarks bool) []*group {
	var groups []*group
	others := benchmarks
	for _, step := range p.steps {
		if isTest(step.Name) {
			groups = append(groups, newFreshGroup(step.Name, step.Procs))
		} else {
			others = true
		}
	}
	if others {
		groups = append(groups, newFreshGroup("", 0))
	}
	return groups
}

func isTest(name string) bool { return strings.HasPrefix(name, "Test") }

// start starts all groups, as many at a time as there are processors.
func (f *freshTests) start(ctx context.Context, groups []*group) *sync.WaitGroup {
	next := make(chan int)
	go func() {
		defer close(next)
		for i := range groups {
			next <- i
		}
	}()
	var ended sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(groups)) {
		ended.Go(func() {
			for i := range next {
				if context.Cause(ctx) != nil {
					groups[i].err = interruption.Or(ctx, context.Cause(ctx))
					close(groups[i].done)
					continue
				}
				f.runAsker(ctx, groups[i], i)
				close(groups[i].done)
			}
		})
	}
	return &ended
}

// runAsker runs a group in a fresh machine. Its test may request further ones, whose
// results become those of the group.
func (f *freshTests) runAsker(ctx context.Context, g *group, number int) {
	g.transcript.All = &f.run.waiting
	a := newAsker(f.run, f.src, g.transcript.Stdout(), g.transcript.Stderr())
	a.askPlan, a.fresh = func() (*plan, error) { return f.plan, nil }, true
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	g.stdout, g.fresh = a, func(m *machine.Machine, test wire.FreshTest) error { return a.request(ctx, m, test) }
	f.runGroup(ctx, g, number)
	cancel() // the test that requested them has ended
	a.running.Wait()
	errs := []error{a.lines.Flush()}
	for _, other := range byGuilt(a.groups) {
		errs = append(errs, other.err)
		g.profiles = append(g.profiles, other.profiles...)
	}
	g.err = verdict.Join(append(errs, g.err)...)
}

// runGroup runs a group in a fresh machine. number is the number of its thread in the
// trace.
func (f *freshTests) runGroup(ctx context.Context, g *group, number int) {
	g.request = f.request(g)
	g.transcript.All = &f.run.waiting
	g.stderr = g.transcript.Stderr()
	if g.stdout == nil {
		g.stdout = testoutput.NewPassLine(g.transcript.Stdout())
	}
	g.thread = f.run.trace.Thread(number)
	if f.plan.CoverMode != "" {
		g.profile = freshProfile
	}
	if g.test != "" {
		g.env = append(g.env, inside.FreshVariable+"="+g.test)
	}
	err := f.run.runGroup(ctx, f.src, g)
	g.final = g.stdout.Take()
	if err == nil {
		return
	}
	failure := verdict.AsFailure(err)
	if !failure.Quiet {
		failure.Title = g.title + ": " + failure.Title
		_, _ = io.WriteString(g.stderr, failure.Text()) // to memory, or to a terminal
	}
	g.err = failure
}

// print prints the output of the groups in their order, and returns the printed
// ones: all or, with -failfast, those up to the first that failed.
func (f *freshTests) print(groups []*group) ([]*group, error) {
	failFast := f.run.Values["test.failfast"] == "true"
	for i, g := range groups {
		if err := g.transcript.Print(f.run.stdout, f.run.stderr); err != nil {
			return groups[:i], verdict.Failf(verdict.HostBroke, err, "write the tests' output")
		}
		<-g.done
		if g.err != nil && failFast || isInterrupted(g.err) {
			return groups[:i+1], nil
		}
	}
	return groups, nil
}
