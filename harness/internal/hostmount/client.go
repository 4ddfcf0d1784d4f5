// Package hostmount is the guest's side of package hostfs: it makes files of the host
// appear in the guest, below files of its own.
package hostmount

import (
	"sync"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// maxRequests is how many requests may be open at the same time. Further ones wait.
const maxRequests = 64

// Client asks the host for files. Its methods may be called by several goroutines at once.
type Client struct {
	out   *wire.Writer
	slots chan struct{} // has an element for each open request

	mu   sync.Mutex
	last int64 // ID
	open map[int64]*question
}

// question is a request that waits for the host.
type question struct {
	wire.HostRequest
	answer chan wire.HostAnswer
}

// NewClient returns a client that sends its requests to out.
func NewClient(out *wire.Writer) *Client {
	return &Client{out: out, slots: make(chan struct{}, maxRequests), open: map[int64]*question{}}
}

// Ask returns the host's answer to a request. The error is the errno of the answer.
//
// A signal to the process that waits does not end a request: programs do not expect EINTR
// from files, and Go's runtime sends signals all the time.
func (c *Client) Ask(r wire.HostRequest) (wire.HostAnswer, error) {
	c.slots <- struct{}{}
	q := &question{r, make(chan wire.HostAnswer, 1)}
	c.mu.Lock()
	c.last++
	q.ID = c.last
	c.open[q.ID] = q
	c.mu.Unlock()
	if err := c.out.WriteMessage(wire.HostAsk, &q.HostRequest); err != nil { // such as a path that is too long
		c.close(q.ID)
		return wire.HostAnswer{}, unix.EIO
	}
	a := <-q.answer
	if a.Errno != 0 {
		return wire.HostAnswer{}, unix.Errno(a.Errno)
	}
	return a, nil
}

// close removes an open request; nil if there is none of this ID.
func (c *Client) close(id int64) *question {
	c.mu.Lock()
	defer c.mu.Unlock()
	q := c.open[id]
	if q != nil {
		delete(c.open, id)
		<-c.slots
	}
	return q
}

// Take takes an answer of the host. It does not wait.
func (c *Client) Take(rec wire.Record) error {
	var a wire.HostAnswer
	if err := rec.Decode(&a); err != nil {
		return err
	}
	if q := c.close(a.ID); q != nil { // else it came twice
		q.answer <- a
	}
	return nil
}

// Repeat sends the open requests again: those that a machine had made when it was saved
// are unknown to the host of a restored one.
func (c *Client) Repeat() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, q := range c.open {
		if err := c.out.WriteMessage(wire.HostAsk, &q.HostRequest); err != nil {
			return err
		}
	}
	return nil
}

// stat returns the attributes of a file.
func (c *Client) stat(name string) (wire.HostEntry, error) {
	a, err := c.Ask(wire.HostRequest{Op: wire.HostStat, Path: name})
	if err == nil && len(a.Entries) != 1 {
		err = unix.EIO
	}
	if err != nil {
		return wire.HostEntry{}, err
	}
	return a.Entries[0], nil
}

// list returns all entries of a directory.
func (c *Client) list(name string) ([]wire.HostEntry, error) {
	var all []wire.HostEntry
	for after, more := "", true; more; {
		a, err := c.Ask(wire.HostRequest{Op: wire.HostList, Path: name, After: after})
		if err != nil {
			return nil, err
		}
		all, more = append(all, a.Entries...), a.More
		if more && len(a.Entries) == 0 {
			return nil, unix.EIO
		}
		if more {
			after = a.Entries[len(a.Entries)-1].Name
		}
	}
	return all, nil
}
