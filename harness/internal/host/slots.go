package host

import (
	"runtime"
	"sync"
)

// slots limit how many machines that tests have requested run at the same time: there is
// one for each processor. The zero value is ready for use.
type slots struct {
	once  sync.Once
	turn  sync.Mutex // of the one that takes slots: nobody holds some while it waits for more beside another
	taken chan struct{}
}

// take takes slots for n machines, or all if there are fewer, and returns the function that
// gives them back.
func (s *slots) take(n int) (release func()) {
	s.once.Do(func() { s.taken = make(chan struct{}, runtime.GOMAXPROCS(0)) })
	n = min(n, cap(s.taken))
	s.turn.Lock()
	defer s.turn.Unlock()
	for range n {
		s.taken <- struct{}{}
	}
	return func() {
		for range n {
			<-s.taken
		}
	}
}
