package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/internal/klog"
	"github.com/kmodtest/kmodtest/harness/internal/qemu"
	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// template is a machine at rest, of which any number can be made.
type template struct {
	memory, state string   // paths
	file          *os.File // the memory's, for one that was copied
	boot, log     []klog.Record
	// known tells that this process has made it: a copy need not be asked
	// whether it lives before it gets its job.
	known bool
}

// restore starts a machine that waits where the template does. Its memory is a
// copy, or, when shared, the template's own: nothing else may be restored from
// that any more. When the kernel reports a fault before the machine answers, it
// is returned with the reason.
func (t *template) restore(ctx context.Context, spec qemu.Machine, shared bool, silence time.Duration) (*machine, error) {
	spec.RAM = &qemu.RAM{File: t.memory, Incoming: true, Private: !shared}
	state, err := os.Open(t.state)
	if err != nil {
		return nil, err
	}
	defer state.Close()
	m, err := startMachine(ctx, spec, silence)
	if err != nil {
		return nil, err
	}
	// What the kernel logs from here on comes behind what it had logged.
	m.greeted, m.ready = true, &wire.Readiness{}
	m.boot, m.log = slices.Clip(t.boot), slices.Clip(t.log)
	for _, rec := range t.log {
		m.course.add(rec)
	}
	err = m.process.Restore(m.ctx, state)
	if err == nil && !t.known {
		err = m.awaitAnswer()
	}
	if err == nil {
		return m, nil
	}
	m.stop()
	var interrupt *interruptError
	if errors.As(err, &interrupt) {
		return nil, err
	}
	if m.kernelFault() != nil {
		return m, err
	}
	return nil, errors.Join(err, m.process.Err())
}

// copy returns a template with memory of its own, of which one machine can be
// made. Its file is the caller's to close.
func (t *template) copy() (*template, error) {
	file, path, err := newMemory()
	if err != nil {
		return nil, err
	}
	if err := copyHoles(file, t.memory); err != nil {
		file.Close()
		return nil, fmt.Errorf("copy a machine's memory: %w", err)
	}
	copied := *t
	copied.memory, copied.file = path, file
	return &copied, nil
}

// loaded is a template whose guest has the files of a job. It lies in memory
// and ends with this process.
type loaded struct {
	template
	files [2]*os.File // hold it
}

// load makes such a template of another. What send sends is in it.
func (t *template) load(ctx context.Context, spec qemu.Machine, silence time.Duration, send func(*wire.Writer) error) (l *loaded, err error) {
	l = &loaded{}
	defer func() {
		if err != nil {
			l.close()
		}
	}()
	if l.files[1], l.state, err = newMemory(); err != nil {
		return l, err
	}
	copied, err := t.copy()
	if err != nil {
		return l, err
	}
	l.files[0], l.memory = copied.file, copied.memory
	m, err := copied.restore(ctx, spec, true, silence)
	if err != nil {
		return l, err
	}
	defer m.stop()
	err = send(m.out)
	if err == nil {
		err = m.awaitAnswer() // so it has stored them
	}
	if err == nil {
		err = save(m, l.state)
	}
	if err != nil {
		return l, m.explain(err)
	}
	m.process.Kill()
	l.boot, l.log, l.known = m.boot, m.log, true
	return l, m.drain()
}

// close frees the memory. Machines that were restored from it go on.
func (l *loaded) close() {
	for _, f := range l.files {
		if f != nil {
			f.Close()
		}
	}
}

// copyHoles copies a file of which most was never written.
func copyHoles(to *os.File, path string) error {
	from, err := os.Open(path)
	if err != nil {
		return err
	}
	defer from.Close()
	info, err := from.Stat()
	if err != nil {
		return err
	}
	for end := int64(0); ; {
		start, err := from.Seek(end, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) {
			return to.Truncate(info.Size())
		}
		if err == nil {
			end, err = from.Seek(start, unix.SEEK_HOLE)
		}
		if err == nil {
			_, err = from.Seek(start, io.SeekStart)
		}
		if err == nil {
			_, err = to.Seek(start, io.SeekStart)
		}
		if err == nil {
			_, err = io.CopyN(to, from, end-start)
		}
		if err != nil {
			return err
		}
	}
}
