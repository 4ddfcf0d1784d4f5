package qemu

import (
	"context"
	"os"
)

// RAM says where a machine's memory lies, for machines that are saved or
// restored.
type RAM struct {
	// File holds the memory, and is as long as that.
	File string
	// Incoming tells that the file has the memory of an earlier Save, and
	// that Restore will load the rest.
	Incoming bool
	// Private maps the file copy on write: many machines share its pages, and
	// none changes it. Such a machine can not be saved.
	Private bool
}

// Save stops the machine and writes the rest of it, processors and devices, to
// state, which is open for writing alone. Afterwards the process is of no use but
// to be stopped: if it went on, it would change the memory's file.
func (p *Process) Save(ctx context.Context, state *os.File) error {
	return p.converse(ctx, func(m *monitor) error {
		if err := m.run("stop", nil); err != nil {
			return err
		}
		return m.migrate("migrate", state)
	})
}

// Restore loads what Save has written, from a file that is open for reading
// alone, and lets the machine go on from there.
func (p *Process) Restore(ctx context.Context, state *os.File) error {
	return p.converse(ctx, func(m *monitor) error {
		if err := m.migrate("migrate-incoming", state); err != nil {
			return err
		}
		return m.run("cont", nil)
	})
}

// converse runs f, and ends its wait when ctx is done.
func (p *Process) converse(ctx context.Context, f func(*monitor) error) error {
	defer context.AfterFunc(ctx, func() { p.monitor.conn.Close() })()
	if err := f(p.monitor); err != nil {
		if cause := context.Cause(ctx); cause != nil {
			return cause
		}
		return err
	}
	return nil
}
