package host

import (
	"sync"

	"github.com/kmodtest/kmodtest/harness/internal/kbuild"
	"github.com/kmodtest/kmodtest/harness/internal/klog/symbols"
	"github.com/kmodtest/kmodtest/images"
)

// places finds file and line of what faults name. Its zero value knows none. It
// may be used by several goroutines at once.
type places struct {
	mu    sync.Mutex
	table symbols.Table
}

// know adds the kernel of the run and the modules under test.
func (p *places) know(kernel *images.Kernel, built []*kbuild.Result) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.table.SetKernel(kernel.Boot)
	for _, result := range built {
		for _, module := range result.Modules {
			p.table.AddModule(module.Debug)
		}
	}
}

// find fills in what is known of a fault.
func (p *places) find(f *finding) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.table.Resolve(&f.Fault)
}
