package host

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/kmodtest/kmodtest/harness/internal/cluster"
	"github.com/kmodtest/kmodtest/harness/internal/inside"
	"github.com/kmodtest/kmodtest/harness/internal/verdict"
	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// runTest runs a test in the fresh machines that it has requested, and returns their
// groups. number is that of the first one's thread in the trace.
func (f *freshTests) runTest(ctx context.Context, test wire.FreshTest, number int) ([]*group, error) {
	if test.Machines == 1 {
		g := newFreshGroup(test.Name, test.Procs)
		f.runGroup(ctx, g, number)
		return []*group{g}, nil
	}
	c, err := cluster.New(test.Name, test.Machines)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	var groups []*group
	var running sync.WaitGroup
	for i, member := range c.Members {
		g := newFreshGroup(test.Name, test.Procs)
		g.member, g.title = member, member.Name
		g.env = []string{fmt.Sprintf("%s=%d %d", inside.TogetherVariable, i, test.Machines)}
		groups = append(groups, g)
		running.Go(func() {
			f.runGroup(ctx, g, number+i)
			member.Leave(g.err)
		})
	}
	running.Wait()
	return groups, nil
}

// byGuilt returns groups, the guilty one of the machines that ran a test together before
// the others: of failures that are equally grave, the first decides how the run ends.
func byGuilt(groups []*group) []*group {
	order := func(g *group) int {
		if g.member != nil && !g.member.Guilty() {
			return 1
		}
		return 0
	}
	groups = slices.Clone(groups)
	slices.SortStableFunc(groups, func(a, b *group) int { return order(a) - order(b) })
	return groups
}

// endAfterPeer ends the machine if another one that runs the same test has failed. It is
// called when the guest has shown a sign of life: a machine that hangs is ended as such.
func (j *job) endAfterPeer() {
	if j.group.member == nil {
		return
	}
	if peer := j.group.member.FailedPeer(); peer != "" && len(j.machine.Timeline.Running()) > 0 {
		j.machine.Cancel(&verdict.PeerError{Peer: peer})
	}
}

// Wait answers a request when all machines of the test have made it.
func (j *job) Wait(id, moment string) error {
	if j.group.member == nil {
		return &wire.GarbledError{Err: fmt.Errorf("the test waits for other machines at %q, but there are none", moment)}
	}
	m := j.machine
	return j.group.member.Wait(moment, func(ok bool, text string) {
		_ = m.Answer(wire.Answer{ID: id, OK: ok, Text: text}) // if the machine has ended, its reader reports that
	})
}
