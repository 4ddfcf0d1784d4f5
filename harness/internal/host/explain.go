package host

import (
	"bytes"
	"context"
	"io"

	"github.com/kmodtest/kmodtest/harness/internal/explain"
	"github.com/kmodtest/kmodtest/harness/internal/machine"
	"github.com/kmodtest/kmodtest/harness/internal/request"
	"github.com/kmodtest/kmodtest/harness/internal/testoutput"
)

// explain returns the calls that led to the death of the machine, if KMODTEST_EXPLAIN asks
// for them: it runs the test that was active again. It returns "" if there is nothing to
// explain.
func (j *job) explain(ctx context.Context, src machines, outcome machine.Outcome) string {
	r, log := j.run, j.machine.Timeline
	if r.observers.explainer == nil || j.group.settings != nil || j.group.member != nil || r.Kind == request.Program || outcome.Death() == nil {
		return ""
	}
	faults, active := log.Unexpected(), log.Active()
	if len(faults) == 0 || len(active) == 0 {
		return ""
	}
	e := r.observers.explainer.Explain(faults[len(faults)-1].Frames)
	if e == nil {
		return ""
	}
	r.say("%s has broken the kernel, and runs again by itself to show the calls before that", active[0].Name)
	g := &group{
		test: j.group.test, procs: j.group.procs, request: explain.Request(j.group.request, active[0].Name), env: j.group.env,
		stdout: testoutput.NewPassLine(io.Discard), stderr: io.Discard, thread: j.group.thread, settings: e.Settings(),
	}
	again := r.newJob(g, testoutput.Selection{}, testoutput.NewReporter(g.stdout, testoutput.Options{Places: &r.places, Foreign: r.Kind == request.Foreign}))
	_ = again.do(ctx, src) // it is to fail
	var text bytes.Buffer
	if again.outcome != nil {
		_ = again.outcome.WriteKernelLog(&text) // to memory
	}
	return e.Text(text.String())
}
