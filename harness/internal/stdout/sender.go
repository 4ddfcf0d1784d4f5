package stdout

import (
	"io"
	"sync"
)

// sender writes bytes to w in a goroutine of its own, so that many small pieces become few
// large ones. Only one goroutine may call its methods.
type sender struct {
	w io.Writer

	mu     sync.Mutex
	change sync.Cond // of what follows
	queue  []byte
	busy   bool // a piece is being written
	closed bool
	err    error
}

// maxQueue is about how many bytes may wait in a sender.
const maxQueue = 64 << 10

// newSender returns a sender. The caller closes it.
func newSender(w io.Writer) *sender {
	s := &sender{w: w}
	s.change.L = &s.mu
	go s.run()
	return s
}

// run writes what comes until the sender is closed.
func (s *sender) run() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		for len(s.queue) == 0 && !s.closed {
			s.change.Wait()
		}
		if len(s.queue) == 0 {
			return
		}
		piece := s.queue
		s.queue, s.busy = nil, true
		s.mu.Unlock()
		_, err := s.w.Write(piece)
		s.mu.Lock()
		s.busy = false
		if s.err == nil {
			s.err = err
		}
		s.change.Broadcast()
	}
}

// Write takes bytes, which may be written later. It returns the first error so far.
func (s *sender) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.queue) > maxQueue && s.err == nil {
		s.change.Wait()
	}
	s.queue = append(s.queue, p...)
	s.change.Broadcast()
	return len(p), s.err
}

// flush returns when everything is written, with the first error.
func (s *sender) flush() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for (len(s.queue) > 0 || s.busy) && s.err == nil {
		s.change.Wait()
	}
	return s.err
}

// close ends the goroutine, once everything is written. It does not wait for that.
func (s *sender) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.change.Broadcast()
}
