package qemu

import (
	"context"
	"fmt"
	"os"

	"github.com/kmodtest/kmodtest/harness/internal/qmp"
)

// RAM describes the memory of a machine that is saved or restored.
type RAM struct {
	// File is the path of the file that holds the memory, and has its size.
	File string
	// Incoming means that the file holds the memory of an earlier Save, and
	// that Restore loads the rest of the machine.
	Incoming bool
	// Private maps the file copy-on-write: many machines share its pages, and
	// none changes it. Such a machine cannot be saved.
	Private bool
}

// arguments returns QEMU's arguments; size is that of the memory.
func (r *RAM) arguments(size string) []string {
	share := "on"
	if r.Private {
		share = "off"
	}
	var args []string
	if r.Incoming {
		args = append(args, "-incoming", "defer")
	}
	return append(args,
		"-object", fmt.Sprintf("memory-backend-file,id=ram,size=%s,mem-path=%s,share=%s", size, escape(r.File), share),
		"-machine", "memory-backend=ram")
}

// Save stops the machine and writes the state of its processors and devices to
// state, which must be open for writing only. Afterwards the process can only be
// stopped: a running machine would change the memory's file.
func (p *Process) Save(ctx context.Context, state *os.File) error {
	return p.converse(ctx, func(m *qmp.Client) error {
		if err := m.Run("stop", nil); err != nil {
			return err
		}
		return m.Migrate("migrate", state)
	})
}

// Restore loads the state that Save has written, from a file that must be open
// for reading only, and starts the machine.
func (p *Process) Restore(ctx context.Context, state *os.File) error {
	return p.converse(ctx, func(m *qmp.Client) error {
		if err := m.Migrate("migrate-incoming", state); err != nil {
			return err
		}
		return m.Run("cont", nil)
	})
}

// converse runs f with the monitor, and aborts it when ctx is done. Several goroutines
// may call it at the same time.
func (p *Process) converse(ctx context.Context, f func(*qmp.Client) error) error {
	p.talking.Lock()
	defer p.talking.Unlock()
	defer context.AfterFunc(ctx, p.monitor.Close)()
	if err := f(p.monitor); err != nil {
		if cause := context.Cause(ctx); cause != nil {
			return cause
		}
		return err
	}
	return nil
}
