package machine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/internal/dmesg"
	"github.com/kmodtest/kmodtest/harness/internal/klog"
	"github.com/kmodtest/kmodtest/harness/internal/qemu"
	"github.com/kmodtest/kmodtest/harness/internal/verdict"
	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// template is a saved machine, from which any number of machines can be restored.
type template struct {
	memory, state string   // paths
	file          *os.File // of the memory, for a template that was copied
	boot, log     []klog.Record
	missed        []string // see Machine.Missed
	// known reports that this process has saved it: then a restored machine
	// need not answer before it gets its job.
	known bool
}

// restore starts a machine in the state of the template. Its memory is a copy or,
// with shared, the template's own: then nothing else may be restored from it. If
// the kernel reports a fault before the machine answers, restore returns the
// machine with the reason.
func (t *template) restore(ctx context.Context, config qemu.Config, shared bool, opt options) (*Machine, error) {
	config.RAM = &qemu.RAM{File: t.memory, Incoming: true, Private: !shared}
	state, err := os.Open(t.state)
	if err != nil {
		return nil, err
	}
	defer state.Close()
	m, err := startMachine(ctx, config, opt)
	if err != nil {
		return nil, err
	}
	// The kernel log continues that of the saved machine.
	m.guest.greeted, m.guest.ready = true, &wire.Readiness{}
	m.Missed = t.missed
	m.log.Boot, m.log.Tests = dmesg.RecordsOf(t.boot), dmesg.RecordsOf(t.log)
	for _, rec := range t.log {
		m.Timeline.Add(rec)
	}
	err = m.process.Restore(m.ctx, state)
	if err == nil && !t.known {
		err = m.awaitAnswer()
	}
	if err == nil {
		return m, nil
	}
	m.Stop()
	var interrupt *verdict.InterruptError
	if errors.As(err, &interrupt) {
		return nil, err
	}
	if m.faulty() {
		return m, err
	}
	return nil, errors.Join(err, m.process.Err())
}

// copy returns a template with a copy of the memory, from which one machine can be
// restored. The caller closes its file.
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

// loaded is a template whose guest has the files of a job. It is kept in memory,
// and ends with this process.
type loaded struct {
	template
	files [2]*os.File // memory and state
}

// load makes such a template from another. upload sends the files.
func (t *template) load(ctx context.Context, config qemu.Config, opt options, upload func(*wire.Writer) error) (l *loaded, err error) {
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
	m, err := copied.restore(ctx, config, true, opt)
	if err != nil {
		return l, err
	}
	defer m.Stop()
	stop := m.within("the guest has not taken the files of the job")
	err = upload(m.out)
	stop()
	if err == nil {
		err = m.awaitAnswer() // then it has stored them
	}
	if err == nil {
		err = settle(m)
	}
	if err == nil {
		err = save(m, l.state)
	}
	if err != nil {
		return l, m.explain(err)
	}
	m.process.Kill()
	l.boot, l.log, l.missed, l.known = m.log.Boot.All(), m.log.Tests.All(), m.Missed, true
	return l, m.drain()
}

// close frees the memory. Machines that were restored from it are not affected.
func (l *loaded) close() {
	for _, f := range l.files {
		if f != nil {
			f.Close()
		}
	}
}

// copyHoles copies a sparse file and keeps its holes.
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
