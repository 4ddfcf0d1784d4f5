// Package host controls a run of tests: it prepares the machine's files, runs the
// tests in machines, prints their output, and ends with the verdict.
package host

import (
	"context"
	"errors"
	"io"
	"maps"
	"os"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/kmodtest/kmodtest/harness/internal/attach"
	"github.com/kmodtest/kmodtest/harness/internal/environment"
	"github.com/kmodtest/kmodtest/harness/internal/hostfs"
	"github.com/kmodtest/kmodtest/harness/internal/interruption"
	"github.com/kmodtest/kmodtest/harness/internal/modcov"
	"github.com/kmodtest/kmodtest/harness/internal/replay"
	"github.com/kmodtest/kmodtest/harness/internal/request"
	"github.com/kmodtest/kmodtest/harness/internal/resultfile"
	"github.com/kmodtest/kmodtest/harness/internal/testflags"
	"github.com/kmodtest/kmodtest/harness/internal/trace"
	"github.com/kmodtest/kmodtest/harness/internal/verdict"
	"github.com/kmodtest/kmodtest/images/cache"
)

// memoryGoal is the garbage collector's memory limit in bytes. Without it, garbage
// could double the memory that the limits allow a guest to fill.
const memoryGoal = 192 << 20

// limitMemory sets the goal, unless the user has set one.
func limitMemory() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryGoal)
	}
}

// Main runs what the test binary that has become this program requests, and
// returns the exit status of the run.
func Main() int {
	limitMemory()
	asked, err := request.Receive()
	if err != nil {
		return exit(os.Stderr, err)
	}
	if asked, err = asked.OrShell(); err != nil {
		return exit(os.Stderr, err)
	}
	asked.Started = time.Now().Add(-time.Since(asked.Started)) // by the monotonic clock, which stops while the host is suspended
	r := newRun(asked)
	output := replay.Watch(r.stdout)
	r.stdout = output
	ctx, stop := interruption.Context(context.Background(), watched(asked), r.endFuzzing)
	defer stop()
	done := make(chan struct{})
	defer close(done)
	go interruption.EndAnyway(ctx, done, interruption.Grace, func(status int) {
		r.say("interrupted, and the run has not ended in %v: ending it now", interruption.Grace)
		os.Exit(status)
	})
	if err = r.setUp(); err == nil {
		err = r.do(ctx)
	}
	remember(r, output, err)
	return exit(r.stderr, errors.Join(err, r.writeVerdict(err)))
}

// exit prints why a run did not pass, and returns its exit status.
func exit(w io.Writer, err error) int {
	if err == nil {
		return 0
	}
	f := verdict.AsFailure(err)
	if !f.Quiet {
		// An error of standard error cannot be reported anywhere.
		_, _ = io.WriteString(w, f.Text())
	}
	return f.Status
}

func newRun(asked request.Request) *run {
	r := &run{Request: asked, trace: trace.New(asked.Started), stdout: os.Stdout, stderr: os.Stderr}
	if asked.Shell != nil {
		r.attachment = attach.New()
		r.stderr = r.attachment.Messages(os.Stderr)
	}
	return r
}

// setUp reads the environment and the configuration.
func (r *run) setUp() (err error) {
	if r.env, err = environment.Read(); err != nil {
		return err
	}
	if len(r.env.Borrowed) > 0 {
		r.say("using variables of hugelgupf/vmtest: %s", strings.Join(r.env.Borrowed, ", "))
	}
	misspelt := environment.Misspelt()
	for _, name := range slices.Sorted(maps.Keys(misspelt)) {
		r.say("%s has no meaning: did you mean %s?", name, misspelt[name])
	}
	r.guest.tests.Path = r.Binary
	if r.env.Binary != "" {
		r.guest.tests.Path = testflags.Resolve(r.Cwd, r.env.Binary)
	}
	var withheld []string
	if r.guest.env, withheld = environment.ForGuest(os.Environ(), r.Dir, r.Config.Env); len(withheld) > 0 {
		r.say("these variables look like secrets and stay on the host (harness.Config.Env can pass them on): %s", strings.Join(withheld, ", "))
	}
	if dir := os.Getenv(environment.CoverDir); dir != "" {
		r.CoverDir = testflags.Resolve(r.Cwd, dir)
		r.guest.env = append(r.guest.env, environment.CoverDir+"="+r.CoverDir)
	}
	for _, pattern := range r.Config.Allow {
		re, err := regexp.Compile(pattern)
		if err != nil {
			return verdict.Failf(verdict.HostBroke, err, "harness.Config: Allow")
		}
		r.allowed = append(r.allowed, re)
	}
	if r.guest.keep, err = resultfile.ParseRules(r.Config.Keep, hostfs.Repository(r.Dir)); err != nil {
		return err
	}
	if r.coverage, err = modcov.New(r.Request, r.env.Coverage); err != nil {
		return err
	}
	r.cache, err = cache.Dir()
	return err
}

// watched returns the process ID of the go command or of kmodtest shell, if it started the
// run: its end ends the run. It returns 0 if another program started it. The go command always
// sets this flag, and hardly anything else does.
func watched(asked request.Request) int {
	if asked.Values["test.paniconexit0"] == "true" || asked.Shell != nil {
		return asked.Parent
	}
	return 0
}
