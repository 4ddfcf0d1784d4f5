// Package queue runs functions in a goroutine of their own.
package queue

import "sync"

// Queue runs functions one after the other, up to the first error. Its zero value has none.
type Queue struct {
	mu      sync.Mutex
	todo    []func() error
	running sync.WaitGroup
	err     error
}

// Add adds a function. It does not wait.
func (q *Queue) Add(f func() error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.todo = append(q.todo, f)
	if len(q.todo) == 1 {
		q.running.Go(q.run)
	}
}

// run runs the functions until there is none. The first one stays in the list while it
// runs.
func (q *Queue) run() {
	for {
		q.mu.Lock()
		f, err := q.todo[0], q.err
		q.mu.Unlock()
		if err == nil {
			err = f()
		}
		q.mu.Lock()
		q.err = err
		q.todo[0] = nil
		q.todo = q.todo[1:]
		left := len(q.todo)
		q.mu.Unlock()
		if left == 0 {
			return
		}
	}
}

// Wait returns when all functions have run, with the first error. Nothing may be added
// meanwhile.
func (q *Queue) Wait() error {
	q.running.Wait()
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.err
}
