// Package host leads a run of tests: it makes what the machine is started from,
// starts it, sends it the test binary, streams what it says, and judges how it
// ended.
package host

import (
	"context"
	"errors"
	"os"
	"regexp"
	"time"

	"github.com/kmodtest/kmodtest/harness/internal/request"
	"github.com/kmodtest/kmodtest/images/cache"
)

// Main does what the test binary asks that has turned into this program, and
// returns the exit status of the run.
func Main() int {
	asked, err := request.Receive()
	if err != nil {
		return conclude(os.Stderr, err)
	}
	asked.Started = time.Now().Add(-time.Since(asked.Started)) // by the clock that a suspended host stops
	r := &run{Request: asked, trace: newTrace(asked.Started), stdout: os.Stdout, stderr: os.Stderr}
	ctx, stop := untilInterrupted(context.Background(), r.watched(), r.endFuzzing)
	defer stop()
	if err = r.setUp(); err == nil {
		err = r.do(ctx)
	}
	return conclude(r.stderr, errors.Join(err, r.report(err)))
}

// setUp collects what is known before anything is started.
func (r *run) setUp() (err error) {
	if r.env, err = readEnvironment(); err != nil {
		return err
	}
	r.tests = r.Binary
	if r.env.Binary != "" {
		r.tests = resolve(r.Cwd, r.env.Binary)
	}
	for _, pattern := range r.Config.Allow {
		re, err := regexp.Compile(pattern)
		if err != nil {
			return failf(HostBroke, err, "harness.Config: Allow")
		}
		r.allowed = append(r.allowed, re)
	}
	r.cache, err = cache.Dir()
	return err
}

// watched returns the process with which the run ends: the go command, which
// always sets this flag, as hardly anyone else does.
func (r *run) watched() int {
	if r.Values["test.paniconexit0"] == "true" {
		return r.Parent
	}
	return 0
}
