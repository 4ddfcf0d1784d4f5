package host

import (
	"context"
	"errors"
	"io"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/kmodtest/kmodtest/harness/internal/inside"
	"github.com/kmodtest/kmodtest/harness/internal/machine"
	"github.com/kmodtest/kmodtest/harness/internal/request"
	"github.com/kmodtest/kmodtest/harness/internal/testoutput"
	"github.com/kmodtest/kmodtest/harness/internal/verdict"
	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// doFresh runs each test in a machine of its own, several at a time, and prints
// their output in the order of the tests. The error is nil if all passed.
func (r *run) doFresh(ctx context.Context, src *machine.Source) error {
	if err := refuseFlags(r.Request); err != nil {
		return err
	}
	p, err := r.askPlan(ctx)
	if err != nil {
		return interruptedOr(ctx, err)
	}
	groups := p.freshGroups(r.Values["test.bench"] != "")
	if len(groups) == 0 {
		return r.doShared(ctx, src)
	}
	if len(groups) > 2 {
		end := r.trace.Thread(0).Phase("load")
		src.Preload(ctx, func(out *wire.Writer) error { return r.upload(out, readTestFlags(r.Request)) })
		end()
	}
	if err := writeOutput(r.stdout, []byte(p.shuffle)); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	ended := r.startFreshGroups(ctx, src, p, groups)
	groups, err = r.printInOrder(groups, r.Values["test.failfast"] == "true")
	cancel(errFailFast)
	ended.Wait()
	return r.conclude(groups, err, func(passed bool, covered float64) error {
		var final []byte
		if i := slices.IndexFunc(groups, func(g *group) bool { return g.final != nil }); i >= 0 {
			final = groups[i].final
		}
		_, err := r.stdout.Write(testoutput.FinalLines(final, passed, covered))
		return err
	})
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

// startFreshGroups starts all groups, as many at a time as there are processors.
func (r *run) startFreshGroups(ctx context.Context, src *machine.Source, p *plan, groups []*group) *sync.WaitGroup {
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
					groups[i].err = interruptedOr(ctx, context.Cause(ctx))
					close(groups[i].done)
					continue
				}
				r.runFreshGroup(ctx, src, p, groups[i], i)
			}
		})
	}
	return &ended
}

// runFreshGroup runs a group in a machine of its own, and closes its done. number
// is that of its thread in the trace.
func (r *run) runFreshGroup(ctx context.Context, src *machine.Source, p *plan, g *group, number int) {
	defer close(g.done)
	g.request = r.freshRequest(p, g)
	g.stdout, g.stderr = testoutput.NewPassLine(g.transcript.stdout()), g.transcript.stderr()
	g.thread = r.trace.Thread(number)
	if p.CoverMode != "" {
		g.profile = freshProfile
	}
	if g.test != "" {
		g.env = []string{inside.FreshVariable + "=" + g.test}
	}
	err := r.runGroup(ctx, src, g)
	g.final = g.stdout.Take()
	if err == nil {
		return
	}
	f := verdict.AsFailure(err)
	if !f.Quiet {
		f.Title = g.title + ": " + f.Title
		_, _ = io.WriteString(g.stderr, f.Text()) // to memory, or to a terminal
	}
	g.err = f
}

// freshRequest returns the request for one group: the user's, without the other
// tests. The user's own patterns stay, as they may select subtests.
func (r *run) freshRequest(p *plan, g *group) request.Request {
	var skip []string
	if pattern := r.Values["test.skip"]; pattern != "" {
		skip = append(skip, pattern)
	}
	var others []string
	for _, name := range p.Names {
		if name != g.test && (g.test != "" || isTest(name)) {
			others = append(others, regexp.QuoteMeta(name))
		}
	}
	if len(others) > 0 {
		skip = append(skip, "^("+strings.Join(others, "|")+")$")
	}
	q := r.Request.Without("test.shuffle").Without("test.fuzz").With("test.skip", strings.Join(skip, "|"))
	if g.test != "" {
		q = q.With("test.count", "1").With("test.cpu", strconv.Itoa(g.procs))
	}
	q = r.withRemainingTime(q)
	if p.CoverMode != "" {
		q = q.With("test.coverprofile", freshProfile)
	}
	return q
}

// freshProfile is where, in the guest, the cover profile of such a group is.
const freshProfile = "/tmp/kmodtest-cover"

// printInOrder prints the output of the groups in their order, and returns the
// printed ones: all or, with failFast, those up to the first that failed.
func (r *run) printInOrder(groups []*group, failFast bool) ([]*group, error) {
	for i, g := range groups {
		if err := g.transcript.print(r.stdout, r.stderr); err != nil {
			return groups[:i], verdict.Failf(verdict.HostBroke, err, "write the tests' output")
		}
		<-g.done
		var f *verdict.Failure
		if g.err != nil && failFast || errors.As(g.err, &f) && f.Interrupted() {
			return groups[:i+1], nil
		}
	}
	return groups, nil
}

// oneMachineFlags name files that each machine would write anew and that cannot
// be merged, or need one machine for other reasons.
var oneMachineFlags = []string{
	"test.cpuprofile", "test.memprofile", "test.blockprofile", "test.mutexprofile", "test.trace", "test.fuzz",
}

// refuseFlags returns an error for flags that require one machine for all tests.
func refuseFlags(r request.Request) error {
	i := slices.IndexFunc(oneMachineFlags, func(name string) bool { return r.Values[name] != "" })
	if i < 0 {
		return nil
	}
	return verdict.Failf(verdict.HostBroke, nil, "-%s requires one machine for all tests, but each test has a machine of its own", strings.TrimPrefix(oneMachineFlags[i], "test.")).
		Advise("KMODTEST_FRESH=off runs all tests in one machine")
}
