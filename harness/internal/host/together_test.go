package host

import (
	"errors"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/kmodtest/kmodtest/harness/internal/cluster"
	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// newCluster returns two machines that run TestA.
func newCluster(t *testing.T) *cluster.Cluster {
	t.Helper()
	c, err := cluster.New("TestA", 2)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// A machine whose peer has failed ends at its next sign of life, if its test still runs.
func TestMachineEndsAfterItsPeer(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.Members[1].Leave(errors.New("it failed"))
	join := func(g *group) { g.member = c.Members[0] }
	err := converseWith(t, t.TempDir(), func(word string, out *wire.Writer) {
		_ = out.Write(wire.KernelLog, mark("run TestA #1", word))
		for out.Write(wire.Beat, nil) == nil {
			continue
		}
	}, nil, join)
	if err == nil || err.Error() != "the machine was ended, because TestA/machine1 has failed" {
		t.Errorf("%v", err)
	}
	if err := c.Members[0].Wait(cluster.End, func(bool, string) {}); err != nil {
		t.Fatal(err)
	}
	if err := converseWith(t, t.TempDir(), well, nil, join); err != nil {
		t.Errorf("a guest whose tests have ended: %v", err)
	}
}

func TestOnlyMachinesOfATestWait(t *testing.T) {
	t.Parallel()
	err := converse(t, t.TempDir(), func(_ string, out *wire.Writer) {
		_ = out.WriteMessage(wire.Ask, &wire.Request{ID: "1", Verb: wire.VerbWait, Args: []string{"a"}})
	}, nil)
	if err == nil || !strings.Contains(err.Error(), "invalid data") {
		t.Errorf("%v", err)
	}
}

func TestGuiltyMachineIsFirst(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.Members[1].Leave(errors.New("it failed"))
	groups := []*group{{title: "others"}, {title: "0", member: c.Members[0]}, {title: "1", member: c.Members[1]}}
	titles := ""
	for _, g := range byGuilt(groups) {
		titles += g.title + " "
	}
	if titles != "others 1 0 " {
		t.Errorf("the order is %s", titles)
	}
}

// Tests that take several slots do not wait for one another for ever, and take no more
// than there are.
func TestSlotsAreTakenAtOnce(t *testing.T) {
	t.Parallel()
	var s slots
	var running atomic.Int32
	var all sync.WaitGroup
	for i := range 200 {
		all.Go(func() {
			n := 1 + i%wire.MaxMachines
			release := s.take(n)
			n = min(n, runtime.GOMAXPROCS(0))
			if now := running.Add(int32(n)); int(now) > runtime.GOMAXPROCS(0) {
				t.Errorf("%d slots are taken", now)
			}
			runtime.Gosched()
			running.Add(int32(-n))
			release()
		})
	}
	all.Wait()
}
