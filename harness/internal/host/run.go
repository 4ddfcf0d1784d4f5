package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"sync/atomic"

	"github.com/kmodtest/kmodtest/harness/internal/attach"
	"github.com/kmodtest/kmodtest/harness/internal/environment"
	"github.com/kmodtest/kmodtest/harness/internal/hostfs"
	"github.com/kmodtest/kmodtest/harness/internal/interruption"
	"github.com/kmodtest/kmodtest/harness/internal/kernellog"
	"github.com/kmodtest/kmodtest/harness/internal/machine"
	"github.com/kmodtest/kmodtest/harness/internal/modcov"
	"github.com/kmodtest/kmodtest/harness/internal/modindex"
	"github.com/kmodtest/kmodtest/harness/internal/printable"
	"github.com/kmodtest/kmodtest/harness/internal/request"
	"github.com/kmodtest/kmodtest/harness/internal/resultfile"
	"github.com/kmodtest/kmodtest/harness/internal/timeline"
	"github.com/kmodtest/kmodtest/harness/internal/trace"
	"github.com/kmodtest/kmodtest/harness/internal/upload"
	"github.com/kmodtest/kmodtest/harness/internal/verdict"
)

// run is one run of a package's tests.
type run struct {
	request.Request
	env    environment.Variables
	guest  supply // of each guest
	cache  string // the project's directory in the user's cache
	trace  *trace.Trace
	stdout io.Writer
	stderr io.Writer

	attachment *attach.Attachment              // to the user's terminal or input; nil unless Request.Shell is set
	allowed    []*regexp.Regexp                // of Config.Allow
	fuzzing    atomic.Pointer[machine.Machine] // in which tests fuzz, until they are interrupted
	places     timeline.Places
	platform   verdict.Platform // known once the kernel is
	detected   bool             // the accelerator was not chosen by the user
	missing    missingModules
	kernelLogs kernellog.Logs
	coverage   *modcov.Measurement // of the modules; nil if it is not measured
	observers  observers
	requested  requestedMachines
	profiles   atomic.Int64 // bytes of cover profiles that are kept
	waiting    atomic.Int64 // bytes of output of tests with machines of their own that waits for its turn
}

// supply is everything that a guest gets from this system. Once the run is prepared, it is
// complete and does not change.
type supply struct {
	tests   upload.Binary    // the test binary
	env     []string         // of the test binary
	modules *modindex.Index  // the modules that the guest can get
	host    hostfs.Tree      // the files of this system that the guest sees
	keep    resultfile.Rules // for files that it sends back
	memory  int              // of a machine, in MiB
}

// requestedMachines are the fresh machines that tests have requested. The zero value is ready
// for use.
type requestedMachines struct {
	number atomic.Int32 // of all that were requested
	slots  slots        // of those that run
}

// do runs the tests. The error is nil if everything passed.
func (r *run) do(ctx context.Context) error {
	config, err := r.prepare(ctx)
	if err != nil {
		return interruption.Or(ctx, err)
	}
	src := r.source(config)
	defer src.Close()
	fresh := r.env.Fresh == "test" || r.env.Fresh == "" && r.Config.Fresh
	if fresh && r.Kind != request.Program { // a program has a machine of its own anyway
		err = r.doFresh(ctx, src)
	} else {
		err = r.doShared(ctx, src)
	}
	r.platform.Accel = string(src.Accel())
	return errors.Join(err, r.writeTrace())
}

// say prints one line of the harness to standard error.
func (r *run) say(format string, args ...any) {
	// Some of it may come from a guest. An error cannot be reported anywhere.
	_, _ = io.WriteString(r.stderr, verdict.Prefix+printable.Text(fmt.Sprintf(format, args...))+"\n")
}

// writeTrace prints the phases of the run or writes them to a file, as
// KMODTEST_TRACE specifies.
func (r *run) writeTrace() error {
	switch r.env.Trace {
	case "":
		return nil
	case "1":
		r.say("%v", r.trace)
		return nil
	}
	if err := r.trace.Write(r.env.Trace); err != nil {
		return verdict.Failf(verdict.HostBroke, err, "write the phases of the run to KMODTEST_TRACE")
	}
	return nil
}
