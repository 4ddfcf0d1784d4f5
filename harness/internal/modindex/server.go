package modindex

import (
	"fmt"
	"slices"
	"sync"

	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// Limits of the modules that one machine gets.
const (
	// maxRequests is how many requests may be open at the same time. An
	// intact guest has fewer: see package pid1.
	maxRequests = 128
	// maxFinds is how many names are looked up. Later requests get an error.
	maxFinds = 100_000
	// maxBytes is how much is sent. Later requests get an error.
	maxBytes = 4 << 30
)

// Server answers a guest's requests for modules, one after the other. Only the
// goroutine that reads the guest's records uses it.
type Server struct {
	Index *Index
	Out   *wire.Writer
	asked int // requests

	queue chan answer    // nil before the first request
	open  sync.WaitGroup // requests that are not answered
	// missed are the names that the kernel has asked for in vain, each once.
	missed []string
}

// answer is the answer to a request.
type answer struct {
	request wire.ModuleRequest
	files   []File
	result  wire.ModuleResult
}

// maxMissed is how many names of modules that do not exist are remembered.
const maxMissed = 100

// Take acts on a request. missed is the name if the kernel has asked for it for the
// first time, has no such module, and a user may want to know that. done ends the
// server.
func (s *Server) Take(rec wire.Record, done <-chan struct{}) (missed string, err error) {
	var a answer
	if err := rec.Decode(&a.request); err != nil {
		return "", err
	}
	if s.queue == nil {
		s.queue = make(chan answer, maxRequests)
		go s.serve(s.queue, done)
	}
	a.result.ID = a.request.ID
	s.asked++
	if s.asked > maxFinds {
		a.fail(fmt.Errorf("more than %d modules were requested in one machine", maxFinds))
	} else if a.files, a.result.Found, err = s.Index.Find(a.request.Name, func(module string) bool {
		return slices.Contains(a.request.Loaded, module)
	}); err != nil {
		a.fail(err)
	}
	s.open.Add(1)
	select {
	case s.queue <- a:
	default:
		s.open.Done()
		return "", &wire.GarbledError{Err: fmt.Errorf("more than %d modules are requested at the same time", maxRequests)}
	}
	if a.result.Found == wire.FoundNothing && a.request.ByKernel {
		return s.miss(a.request.Name), nil
	}
	return "", nil
}

// miss notes a name for which there is no module.
func (s *Server) miss(name string) string {
	asked := func(name string) bool { return slices.Contains(s.missed, name) }
	if asked(name) || len(s.missed) == maxMissed {
		return ""
	}
	s.missed = append(s.missed, name)
	if IsProbe(name, asked) {
		return ""
	}
	return name
}

func (a *answer) fail(err error) {
	a.files, a.result.Found, a.result.Error = nil, wire.FoundError, err.Error()
}

// Settle returns when the guest has all answers to its requests, so that it can be
// saved: bytes on their way would be lost. await returns when the guest has read all
// that was sent; it may take further requests. Nothing else may call Take meanwhile.
func (s *Server) Settle(await func() error) error {
	for answered := 0; answered < s.asked; {
		answered = s.asked
		s.open.Wait()
		if err := await(); err != nil {
			return err
		}
	}
	return nil
}

// serve sends the answers of a queue.
func (s *Server) serve(queue <-chan answer, done <-chan struct{}) {
	sent := int64(0)
	for {
		select {
		case <-done:
			return
		case a := <-queue:
			// The reader of the channel reports its errors.
			_ = s.send(a, &sent)
			s.open.Done()
		}
	}
}

// send sends an answer, and adds its bytes to sent.
func (s *Server) send(a answer, sent *int64) error {
	for _, f := range a.files {
		head := wire.ModuleHead{ID: a.request.ID, Name: f.Name, Role: f.Role, Size: -1}
		var content []byte
		if !a.request.NamesOnly {
			var err error
			content, err = s.Index.Read(f)
			head.Size = int64(len(content))
			if err == nil && *sent+head.Size > maxBytes {
				err = fmt.Errorf("more than %d bytes of modules were requested in one machine", int64(maxBytes))
			}
			if err != nil {
				a.fail(err)
				break
			}
		}
		*sent += int64(len(content))
		if err := s.Out.WriteMessage(wire.ModuleFile, &head); err != nil {
			return err
		}
		if _, err := s.Out.Stream(wire.ModuleData).Write(content); err != nil {
			return err
		}
	}
	return s.Out.WriteMessage(wire.ModuleEnd, &a.result)
}
