// Package cluster has what the machines that run one test together share: the network, and the
// moments at which they wait for one another. A failure of one of them ends the others.
package cluster

import (
	"fmt"
	"os"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/internal/qemu"
	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// Cluster is the machines that run one test.
type Cluster struct {
	Members []*Member

	mu      sync.Mutex
	guilty  *Member // the first that failed
	waiting map[string]map[*Member]func(ok bool, text string)
}

// Member is one of the machines. Its methods may be called by several goroutines at
// once.
type Member struct {
	Name  string // of its subtest
	Index int

	cluster *Cluster
	nic     *qemu.NIC
	open    atomic.Int32 // requests that have not been answered
	// These are under the mutex of the cluster.
	finished bool // its tests have ended
	left     bool // the machine has ended
}

// End is the moment at which the tests of a machine have ended: the machine stays until
// those of all others have.
const End = ":end"

// maxOpen is how many requests of a machine may be open. An intact guest has fewer: see
// package pid1.
const maxOpen = 128

// New returns n machines for a test. The links of their network are a star, whose
// center is the first one.
func New(test string, n int) (*Cluster, error) {
	c := &Cluster{waiting: map[string]map[*Member]func(bool, string){}}
	for i := range n {
		m := &Member{
			Name: fmt.Sprintf("%s/machine%d", test, i), Index: i, cluster: c,
			nic: &qemu.NIC{Address: fmt.Sprintf("52:54:00:6b:74:%02x", i+1)},
		}
		c.Members = append(c.Members, m)
		if i == 0 {
			continue
		}
		fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			c.Close()
			return nil, fmt.Errorf("make a link between two machines: %w", err)
		}
		for end, member := range []*Member{c.Members[0], m} {
			member.nic.Links = append(member.nic.Links, os.NewFile(uintptr(fds[end]), "link"))
		}
	}
	return c, nil
}

// Close frees the links that no machine has taken.
func (c *Cluster) Close() {
	for _, m := range c.Members {
		if nic := m.NIC(); nic != nil {
			for _, link := range nic.Links {
				link.Close()
			}
		}
	}
}

// NIC returns the network card for the machine, once. The caller closes its links.
func (m *Member) NIC() *qemu.NIC {
	m.cluster.mu.Lock()
	defer m.cluster.mu.Unlock()
	nic := m.nic
	m.nic = nil
	return nic
}

// Wait calls answer when all machines wait for a moment with that name, or when one of
// them has ended before it. After a failure of one, it does not: FailedPeer says that
// this machine is to end. It returns at once. The error is one of a guest that is not
// intact.
func (m *Member) Wait(moment string, answer func(ok bool, text string)) error {
	if m.open.Add(1) > maxOpen {
		return &wire.GarbledError{Err: fmt.Errorf("more than %d requests of %s wait for other machines", maxOpen, m.Name)}
	}
	reply := func(ok bool, text string) {
		go func() { // the guest may not take it
			answer(ok, text)
			m.open.Add(-1)
		}()
	}
	c := m.cluster
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.waiting[moment][m] != nil {
		reply(false, "this machine waits for it already")
		return nil
	}
	m.finished = m.finished || moment == End
	if c.waiting[moment] == nil {
		c.waiting[moment] = map[*Member]func(bool, string){}
	}
	c.waiting[moment][m] = reply
	c.settle(moment)
	return nil
}

// settle answers those who wait for a moment, if all have arrived or one cannot.
func (c *Cluster) settle(moment string) {
	ended, missing := "", false
	for _, m := range c.Members {
		switch {
		case c.waiting[moment][m] != nil, m.left && moment == End:
		case m.left:
			ended = m.Name + " has ended"
		default:
			missing = true
		}
	}
	if missing && ended == "" || ended != "" && c.guilty != nil {
		return
	}
	for _, reply := range c.waiting[moment] {
		reply(ended == "", ended)
	}
	delete(c.waiting, moment)
}

// Leave notes that the machine has ended, and whether that was a failure. It may be
// called again.
func (m *Member) Leave(err error) {
	c := m.cluster
	c.mu.Lock()
	defer c.mu.Unlock()
	m.left = true
	if err != nil && c.guilty == nil {
		c.guilty = m
	}
	for moment, waiting := range c.waiting {
		delete(waiting, m)
		if len(waiting) == 0 {
			delete(c.waiting, moment)
			continue
		}
		c.settle(moment)
	}
}

// FailedPeer returns the name of the machine that has failed, because of which this one
// is to end, or "".
func (m *Member) FailedPeer() string {
	m.cluster.mu.Lock()
	defer m.cluster.mu.Unlock()
	if g := m.cluster.guilty; g != nil && g != m && !m.finished {
		return g.Name
	}
	return ""
}

// Guilty reports whether the machine was the first that failed.
func (m *Member) Guilty() bool {
	m.cluster.mu.Lock()
	defer m.cluster.mu.Unlock()
	return m.cluster.guilty == m
}
