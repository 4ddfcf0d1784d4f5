package timeline

import (
	"sync"

	"github.com/kmodtest/kmodtest/harness/internal/klog/symbols"
)

// Places finds the file and line of the functions in a fault. Its zero value
// knows none. Its methods may be called by several goroutines at once.
type Places struct {
	mu    sync.Mutex
	table symbols.Table
	used  int // frames that were looked up
}

// maxPlaces is how many frames of a run are looked up, about a minute's work.
// Those of later faults have no file and line.
const maxPlaces = 5000

// SetKernel adds the kernel whose boot image has that path.
func (p *Places) SetKernel(image string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.table.SetKernel(image)
}

// AddModule adds a module: debug is the path of its file with debug information.
func (p *Places) AddModule(debug string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.table.AddModule(debug)
}

// Resolve fills in the files and lines of a fault's frames.
func (p *Places) Resolve(f *Finding) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.used += len(f.Frames); p.used <= maxPlaces {
		p.table.Resolve(&f.Fault)
	}
}
