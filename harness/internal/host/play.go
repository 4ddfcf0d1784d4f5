package host

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/kmodtest/kmodtest/harness/internal/inside"
	"github.com/kmodtest/kmodtest/harness/internal/request"
	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// play is one start of the test binary for its tests: in a machine, and, when
// that dies in the middle of them, in others for those that are left.
type play struct {
	request        request.Request
	title          string   // what it is for where there are several; else ""
	env            []string // beside the host's
	stdout, stderr io.Writer
	lane           lane
	// between is called before another machine prints.
	between func()
	// profile is where in the guest the cover profile is left; "" is nowhere.
	profile string
	// fresh is called for a test that asks for a machine of its own; nil where
	// each has one.
	fresh func(*machine, wire.FreshTest)

	machines int
	profiles []profile
}

// usualMachines is how many machines are spent on a play at most.
const usualMachines = 50

// perform runs a play to its end, and returns why it did not pass. Nothing is
// left of it in machines where none could be had.
func (r *run) perform(ctx context.Context, src *source, p *play) error {
	if p.request.Values["test.shuffle"] == "on" { // the same way in each machine
		p.request = p.request.With("test.shuffle", strconv.FormatInt(time.Now().UnixNano(), 10))
	}
	n := newNarrator(p.stdout, r.Values["test.v"])
	n.places = r.places.find
	n.first = r.Values["test.failfast"] == "true"
	var failures []*Failure
	for left := []part{{}}; len(left) > 0; {
		if limit := orElse(r.Config.Machines, usualMachines); p.machines == limit {
			r.say("no more than %d machines are spent on a run (harness.Config.Machines): the tests that are left did not run", limit)
			failures = append(failures, failf(TestFailed, nil, "tests were left when %d machines had died", limit).at(TestsStage))
			break
		}
		if p.machines > 0 {
			p.between()
		}
		p.machines++
		m, err := r.attempt(ctx, src, r.job(p, left[0], n))
		left = left[1:]
		if err != nil {
			failures = append(failures, asFailure(err))
		}
		if m == nil {
			break
		}
		if err := r.showKernelLog(p.stderr, m, err != nil && !m.allTold(), p.of()); err != nil {
			failures = append(failures, asFailure(err))
		}
		if m.goesOn {
			left = n.rest()
		}
		if n.first && n.failed || slices.ContainsFunc(failures, (*Failure).interrupted) {
			break
		}
	}
	if err := n.cutShort(); err != nil {
		failures = append(failures, asFailure(err))
	}
	if len(failures) == 0 && n.failed { // which the test binary that ended last does not know
		f := failf(TestFailed, nil, "exit status 1").at(TestsStage)
		f.Quiet = true
		failures = append(failures, f)
	}
	if len(failures) == 0 {
		return nil
	}
	return worst(failures)
}

// of is how messages name the machine.
func (p *play) of() string {
	if p.machines < 2 {
		return p.title
	}
	name := fmt.Sprintf("machine %d", p.machines)
	if p.title != "" {
		name += " of " + p.title
	}
	return name
}

// job is what one machine is to do of a play.
func (r *run) job(p *play, part part, n *narrator) job {
	q := p.request
	if part.turns != "" {
		if timeout, err := time.ParseDuration(r.Values["test.timeout"]); err == nil && timeout > 0 {
			q = q.With("test.timeout", max(timeout-time.Since(r.Started), time.Second).String())
		}
	}
	if part.skip != "" {
		skip := part.skip
		if own := q.Values["test.skip"]; own != "" {
			skip = own + "|" + skip
		}
		q = q.With("test.skip", skip)
	}
	j := job{
		flags: readTestFlags(q), env: p.env, turns: part.turns,
		narrator: n, stderr: p.stderr, lane: p.lane, fresh: p.fresh,
	}
	if p.profile != "" {
		j.kept = map[string]*bytes.Buffer{p.profile: {}}
		j.keep = func() {
			p.profiles = append(p.profiles, profile{p.of(), j.kept[p.profile].Bytes()})
		}
	}
	return j
}

// environment is what the test binary's has beside the host's.
func (j job) environment() []string {
	return append(slices.Clone(j.env), inside.TurnsVariable+"="+j.turns)
}

func orElse(n, otherwise int) int {
	if n == 0 {
		return otherwise
	}
	return n
}
