package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/kmodtest/kmodtest/harness/internal/machine"
	"github.com/kmodtest/kmodtest/harness/internal/testoutput"
	"github.com/kmodtest/kmodtest/harness/internal/verdict"
	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// asker is a group whose tests may request fresh machines. It takes the output of the
// group's machine, and prints the outputs of the others in their places.
type asker struct {
	run     *run
	src     *machine.Source
	askPlan func() (*plan, error)
	stderr  io.Writer
	fresh   bool // the group's machine is a fresh one: only several others may be requested
	running sync.WaitGroup
	open    atomic.Int32 // open requests

	mu     sync.Mutex // of the following, and of the tests' output
	out    *testoutput.PassLine
	lines  *testoutput.LineFilter
	groups []*group
}

// maxOpen is how many requests for fresh machines may be open at the same time. An
// intact guest has fewer: see package pid1.
const maxOpen = 128

// maxAsked is how many fresh machines the tests of a run may request.
const maxAsked = 10_000

func newAsker(r *run, src *machine.Source, stdout, stderr io.Writer) *asker {
	a := &asker{run: r, src: src, stderr: stderr, out: testoutput.NewPassLine(stdout)}
	a.lines = testoutput.NewLineFilter(a.out)
	return a
}

// request runs a test in fresh machines, and returns at once.
func (a *asker) request(ctx context.Context, m *machine.Machine, test wire.FreshTest) error {
	if a.open.Add(1) > maxOpen {
		return &wire.GarbledError{Err: fmt.Errorf("more than %d tests request fresh machines at the same time", maxOpen)}
	}
	if a.fresh && test.Machines == 1 {
		return errIsFresh(test)
	}
	asked := int(a.run.requested.number.Add(int32(test.Machines)))
	if asked > maxAsked {
		return &wire.GarbledError{Err: fmt.Errorf("more than %d fresh machines are requested in one run", maxAsked)}
	}
	a.running.Go(func() {
		a.serve(ctx, m, test, asked)
		a.open.Add(-1)
	})
	return nil
}

// errIsFresh is the error of a request that an intact guest does not make.
func errIsFresh(test wire.FreshTest) error {
	return &wire.GarbledError{Err: fmt.Errorf("%q requests a fresh machine, but already runs in one", test.Name)}
}

// Write takes the output of the group's machine.
func (a *asker) Write(p []byte) (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.lines.Write(p)
}

// Take returns the final lines of the group's machine, and forgets them.
func (a *asker) Take() []byte {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.out.Take()
}

// serve runs a test in fresh machines, prints its output in its place, and tells the
// guest how it ended. number is that of the last machine among all that were requested.
func (a *asker) serve(ctx context.Context, m *machine.Machine, test wire.FreshTest, number int) {
	defer a.run.requested.slots.take(test.Machines)()
	var groups []*group
	p, err := a.askPlan()
	if err == nil && !slices.Contains(p.Names, test.Name) {
		err = verdict.Failf(verdict.GuestDown, nil, "the guest requests a fresh machine for %q, but there is no such test", test.Name)
		m.Cancel(err) // the guest could send any number of such requests
	}
	if err == nil {
		number += len(p.steps) - test.Machines + 1
		groups, err = (&freshTests{a.run, a.src, p}).runTest(ctx, test, number)
	}
	if err != nil {
		groups = []*group{newFreshGroup(test.Name, test.Procs)}
		groups[0].err = err
	}
	passed := !slices.ContainsFunc(groups, func(g *group) bool { return g.err != nil })
	a.print(test.Name, groups, passed)
	// If the machine has ended, its reader reports that.
	_ = m.Answer(wire.Answer{ID: test.ID, OK: passed})
}

// print prints the output of a test that had fresh machines, except its first line,
// which the group's machine has printed. It drops that machine's own line about the end
// of the test.
func (a *asker) print(test string, groups []*group, passed bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.groups = append(a.groups, groups...)
	once := testoutput.NewLineFilter(a.out)
	once.Drop("=== RUN   " + test + "\n")
	var err error
	if len(groups) == 1 {
		err = groups[0].transcript.Print(once, a.stderr)
	} else {
		var outputs []*testoutput.Transcript
		for _, g := range groups {
			outputs = append(outputs, &g.transcript)
		}
		err = testoutput.PrintTogether(test, outputs, a.out, a.stderr)
	}
	// The next line of the group's machine reports an error of the output.
	_ = errors.Join(err, once.Flush())
	switch {
	case !passed:
		a.lines.Drop("--- FAIL: " + test + " (")
	case a.run.Values["test.v"] != "false":
		a.lines.Drop("--- SKIP: " + test + " (")
	}
}
