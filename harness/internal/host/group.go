package host

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/kmodtest/kmodtest/harness/internal/cluster"
	"github.com/kmodtest/kmodtest/harness/internal/coverprofile"
	"github.com/kmodtest/kmodtest/harness/internal/machine"
	"github.com/kmodtest/kmodtest/harness/internal/request"
	"github.com/kmodtest/kmodtest/harness/internal/testoutput"
	"github.com/kmodtest/kmodtest/harness/internal/trace"
	"github.com/kmodtest/kmodtest/harness/internal/verdict"
	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// group is tests that share a machine: all tests of a run, or one test that has a
// fresh machine. When the machine dies, the remaining tests run in another.
type group struct {
	test  string // name of the only test; "" for several
	procs int    // GOMAXPROCS of that test
	title string // how messages name the group; "" if there is one only

	request request.Request
	env     []string // of the test binary, in addition to the host's
	stdout  output
	stderr  io.Writer
	thread  trace.Thread
	// settings are those of the guest for a test that runs again for its explanation; nil
	// for other groups.
	settings []string
	profile  string // path of the cover profile in the guest; "" for none
	// fresh is called for a test that requests fresh machines; nil if it cannot.
	fresh  func(*machine.Machine, wire.FreshTest) error
	member *cluster.Member // of the machines that run the test together; nil if there is one

	unmarked   int                    // machines that died before a test was marked
	transcript testoutput.Transcript  // of a test that has a fresh machine
	machines   int                    // used so far
	profiles   []coverprofile.Profile // cover profiles, some of which may be empty
	final      []byte                 // the testing package's final lines
	err        error                  // why the group did not pass; valid when done is closed
	done       chan struct{}
}

// output takes the output of a group's tests, and holds back the final lines of the
// testing package.
type output interface {
	io.Writer
	// Take returns the final lines held back, and forgets them.
	Take() []byte
}

// machines provides machines that are ready for a job: a *machine.Source.
type machines interface {
	Machine(ctx context.Context, keep bool) (*machine.Machine, error)
}

// usualMachines is how many machines a group may use if Config.Machines is 0.
const usualMachines = 50

// maxUnmarked is how many machines of a group may die before the test that killed them
// is marked, and be followed by another, in which the test may be marked.
const maxUnmarked = 5

// runGroup runs the tests of a group, and returns why it did not pass.
func (r *run) runGroup(ctx context.Context, src machines, g *group) error {
	if g.request.Values["test.shuffle"] == "on" { // the same order in each machine
		g.request = g.request.With("test.shuffle", strconv.FormatInt(time.Now().UnixNano(), 10))
	}
	count, _ := strconv.Atoi(r.Values["test.count"]) // the testing package has checked that it is a number
	reporter := testoutput.NewReporter(g.stdout, testoutput.Options{
		Verbose: r.Values["test.v"], FailFast: r.Values["test.failfast"] == "true", Places: &r.places, Foreign: r.Kind == request.Foreign, Count: count,
	})
	var errs []error
	for left := []testoutput.Selection{{}}; len(left) > 0; {
		if limit := cmp.Or(r.Config.Machines, usualMachines); g.machines == limit {
			r.say("a run uses at most %d machines (harness.Config.Machines): the remaining tests did not run", limit)
			errs = append(errs, verdict.MachinesUsedUp(limit))
			break
		}
		if g.machines > 0 {
			g.stdout.Take() // the final lines of a machine that was not the last
		}
		g.machines++
		j := r.newJob(g, left[0], reporter)
		left = left[1:]
		err := j.do(ctx, src)
		errs = append(errs, err)
		if j.outcome == nil { // there was no machine
			break
		}
		failed := err != nil && !j.machine.Timeline.AllPrinted() && (r.Shell == nil || !verdict.AsFailure(err).Quiet)
		errs = append(errs, r.kernelLogs.Print(r.env.KernelLog, g.stderr, *j.outcome, failed, g.machineName()))
		if j.goesOn && g.request.Repeats() {
			r.say("tests without harness.Main that run several times (-cpu) do not continue in another machine: the remaining tests did not run")
			break
		}
		if g.member != nil && err != nil { // the other machines end, too
			break
		}
		if j.goesOn {
			left = reporter.Remaining()
		}
		if reporter.FailFast && reporter.Failed || slices.ContainsFunc(errs, isInterrupted) {
			break
		}
	}
	errs = append(errs, reporter.CutShort())
	err := verdict.Join(errs...)
	if err == nil && reporter.Failed {
		return verdict.EarlierTestFailed()
	}
	return err
}

func isInterrupted(err error) bool { return err != nil && verdict.AsFailure(err).Interrupted() }

// machineName is how messages name the group's current machine; "" if there is
// one only.
func (g *group) machineName() string {
	if g.machines < 2 {
		return g.title
	}
	name := fmt.Sprintf("machine %d", g.machines)
	if g.title != "" {
		name += " of " + g.title
	}
	return name
}
