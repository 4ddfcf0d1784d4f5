package hostfs

import (
	"fmt"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// maxOpen is how many requests of a guest may be open at the same time. An intact guest
// has fewer: see package hostmount.
const maxOpen = 128

// Server answers a guest's requests for files, one after the other. Only the goroutine
// that reads the guest's records uses it. Its zero value shows nothing.
type Server struct {
	Tree  Tree
	Out   *wire.Writer
	asked int // requests

	queue chan wire.HostRequest // nil before the first request
	open  sync.WaitGroup        // requests that are not answered
}

// Take acts on a request. done ends the server.
func (s *Server) Take(rec wire.Record, done <-chan struct{}) error {
	var r wire.HostRequest
	if err := rec.Decode(&r); err != nil {
		return err
	}
	if s.queue == nil {
		s.queue = make(chan wire.HostRequest, maxOpen)
		go s.serve(s.queue, done)
	}
	s.asked++
	s.open.Add(1)
	select {
	case s.queue <- r:
		return nil
	default:
		s.open.Done()
		return &wire.GarbledError{Err: fmt.Errorf("more than %d files of the host are requested at the same time", maxOpen)}
	}
}

// serve answers the requests in a queue.
func (s *Server) serve(queue <-chan wire.HostRequest, done <-chan struct{}) {
	for {
		select {
		case <-done:
			return
		case r := <-queue:
			a := s.Tree.Answer(r)
			// The reader of the channel reports its errors. An answer that cannot be
			// encoded is none.
			if s.Out.WriteMessage(wire.HostReply, &a) != nil {
				_ = s.Out.WriteMessage(wire.HostReply, &wire.HostAnswer{ID: r.ID, Errno: int(unix.EIO)})
			}
			s.open.Done()
		}
	}
}

// Settle returns when the guest has all answers to its requests, so that it can be
// saved. await returns when the guest has read all that was sent; it may take further
// requests. Nothing else may call Take meanwhile.
func (s *Server) Settle(await func() error) error {
	for first := true; first || s.asked > 0; first = false {
		s.asked = 0
		s.open.Wait()
		if err := await(); err != nil {
			return err
		}
	}
	return nil
}
