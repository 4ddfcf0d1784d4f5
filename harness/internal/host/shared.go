package host

import (
	"context"
	"errors"
	"sync"

	"github.com/kmodtest/kmodtest/harness/internal/machine"
	"github.com/kmodtest/kmodtest/harness/internal/testflags"
	"github.com/kmodtest/kmodtest/harness/internal/testoutput"
	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// doShared runs the tests in one machine. The error is nil if all passed.
func (r *run) doShared(ctx context.Context, src *machine.Source) error {
	whole := ctx
	ctx, cancel := context.WithCancel(whole)
	defer cancel()
	a := newAsker(r, src, r.stdout, r.stderr)
	a.askPlan = sync.OnceValues(func() (*plan, error) { return r.askPlan(ctx) })
	g := &group{request: r.Request, stdout: a, stderr: r.stderr, thread: r.trace.Thread(0)}
	if r.Values["test.coverprofile"] != "" {
		g.profile = testflags.ResultPath(r.Request, "test.coverprofile")
	}
	g.fresh = func(m *machine.Machine, test wire.FreshTest) error { return a.request(ctx, m, test) }
	g.err = r.runGroup(ctx, src, g)
	cancel() // the tests that requested fresh machines have ended
	a.running.Wait()
	err := errors.Join(a.lines.Flush(), r.coverage.End(whole, r.platform.Release, r.say))
	return conclude(r.Request, byGuilt(append([]*group{g}, a.groups...)), err, func(passed bool, covered float64) error {
		if len(a.groups) == 0 && g.machines < 2 {
			return a.out.Finish(passed)
		}
		_, err := r.stdout.Write(testoutput.FinalLines(a.out.Take(), passed, covered))
		return err
	})
}
