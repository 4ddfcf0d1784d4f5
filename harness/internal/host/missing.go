package host

import (
	"fmt"
	"io"
	"sync"

	"github.com/kmodtest/kmodtest/harness/internal/printable"
	"github.com/kmodtest/kmodtest/harness/internal/verdict"
)

// missingModules are the names for which kernels have requested modules in vain. Its
// method may be called by several goroutines at once.
type missingModules struct {
	mu   sync.Mutex
	told map[string]bool
}

// maxMissing is how many names a run prints.
const maxMissing = 100

// first reports whether a name is to be printed: it was not before.
func (m *missingModules) first(name string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.told[name] || len(m.told) == maxMissing {
		return false
	}
	if m.told == nil {
		m.told = map[string]bool{}
	}
	m.told[name] = true
	return true
}

// Missing prints, once in a run, that the kernel has requested a module that it does
// not have.
func (j *job) Missing(name string) error {
	if !j.run.missing.first(name) {
		return nil
	}
	line := fmt.Sprintf("the kernel asked for module %s, which this kernel does not have", name)
	_, err := io.WriteString(j.group.stderr, verdict.Prefix+printable.Line(line)+"\n")
	return err
}
