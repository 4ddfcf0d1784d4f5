package machine

import (
	"fmt"
	"slices"
	"sync"

	"github.com/kmodtest/kmodtest/harness/internal/modindex"
	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// Limits of the modules that one machine gets.
const (
	// maxModuleRequests is how many requests may be open at the same time. An
	// intact guest has fewer: see package pid1.
	maxModuleRequests = 128
	// maxModuleFinds is how many names are looked up. Later requests get an error.
	maxModuleFinds = 100_000
	// maxModuleBytes is how much is sent. Later requests get an error.
	maxModuleBytes = 4 << 30
)

// moduleServer answers a guest's requests for modules, one after the other. Only the
// goroutine that reads the guest's records uses it.
type moduleServer struct {
	index *modindex.Index
	out   *wire.Writer
	queue chan moduleAnswer // nil before the first request
	open  sync.WaitGroup    // requests that are not answered
	asked int               // requests
	// missed are the names that the kernel has asked for in vain, each once.
	missed []string
}

// moduleAnswer is the answer to a request.
type moduleAnswer struct {
	request wire.ModuleRequest
	files   []modindex.File
	result  wire.ModuleResult
}

// maxMissed is how many names of modules that do not exist are remembered.
const maxMissed = 100

// take acts on a request. missed is the name if the kernel has asked for it for the
// first time, has no such module, and a user may want to know that. done ends the
// server.
func (s *moduleServer) take(rec wire.Record, done <-chan struct{}) (missed string, err error) {
	var a moduleAnswer
	if err := rec.Decode(&a.request); err != nil {
		return "", err
	}
	if s.queue == nil {
		s.queue = make(chan moduleAnswer, maxModuleRequests)
		go s.serve(s.queue, done)
	}
	a.result.ID = a.request.ID
	if s.asked++; s.asked > maxModuleFinds {
		a.fail(fmt.Errorf("more than %d modules were requested in one machine", maxModuleFinds))
	} else if a.files, a.result.Found, err = s.index.Find(a.request.Name, func(module string) bool {
		return slices.Contains(a.request.Loaded, module)
	}); err != nil {
		a.fail(err)
	}
	s.open.Add(1)
	select {
	case s.queue <- a:
	default:
		s.open.Done()
		return "", &wire.GarbledError{Err: fmt.Errorf("more than %d modules are requested at the same time", maxModuleRequests)}
	}
	if a.result.Found == wire.FoundNothing && a.request.ByKernel {
		return s.miss(a.request.Name), nil
	}
	return "", nil
}

// miss notes a name for which there is no module.
func (s *moduleServer) miss(name string) string {
	asked := func(name string) bool { return slices.Contains(s.missed, name) }
	if asked(name) || len(s.missed) == maxMissed {
		return ""
	}
	s.missed = append(s.missed, name)
	if modindex.IsProbe(name, asked) {
		return ""
	}
	return name
}

func (a *moduleAnswer) fail(err error) {
	a.files, a.result.Found, a.result.Error = nil, wire.FoundError, err.Error()
}

// serve sends the answers of a queue.
func (s *moduleServer) serve(queue <-chan moduleAnswer, done <-chan struct{}) {
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
func (s *moduleServer) send(a moduleAnswer, sent *int64) error {
	for _, f := range a.files {
		head := wire.ModuleHead{ID: a.request.ID, Name: f.Name, Role: f.Role, Size: -1}
		var content []byte
		if !a.request.NamesOnly {
			var err error
			content, err = s.index.Read(f)
			head.Size = int64(len(content))
			if err == nil && *sent+head.Size > maxModuleBytes {
				err = fmt.Errorf("more than %d bytes of modules were requested in one machine", int64(maxModuleBytes))
			}
			if err != nil {
				a.fail(err)
				break
			}
		}
		*sent += int64(len(content))
		if err := s.out.WriteMessage(wire.Module, &head); err != nil {
			return err
		}
		if _, err := s.out.Stream(wire.ModuleData).Write(content); err != nil {
			return err
		}
	}
	return s.out.WriteMessage(wire.ModuleEnd, &a.result)
}

// settle returns when the guest has all answers to its requests, so that it can be
// saved: bytes on their way would be lost. Nothing else reads the guest's records
// meanwhile.
func settle(m *Machine) error {
	for answered := 0; answered < m.modules.asked; {
		answered = m.modules.asked
		m.modules.open.Wait()
		if err := m.awaitAnswer(); err != nil { // further requests may come before it
			return err
		}
	}
	return nil
}
