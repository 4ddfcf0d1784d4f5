package host

import (
	"context"
	"errors"
	"time"

	"github.com/kmodtest/kmodtest/harness/internal/qemu"
	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// source is where the machines of a run come from. After load, its methods may be
// called from several goroutines at once.
type source struct {
	run    *run
	spec   qemu.Machine
	loaded *loaded // nil: machines come without files
}

// machine returns a machine that is ready for a job: restored if that can be,
// else booted; hasFiles tells that the job's files are in it. keep has the
// machine's memory outlive it. When it does not come up, the machine is returned
// with the reason.
func (s *source) machine(ctx context.Context, keep bool) (m *machine, hasFiles bool, err error) {
	silence := s.run.silence(s.spec.Accel)
	if s.loaded != nil {
		spec := s.spec
		spec.InTurns = true // as many run as there are processors
		m, err = s.loaded.restore(ctx, spec, false, silence)
		return m, true, err
	}
	if s.run.env.Snapshot == "off" {
		m, err = s.boot(ctx, keep, silence)
		return m, false, err
	}
	snap, m, err := findSnapshot(ctx, s.run.cache, s.spec, silence)
	if m != nil && errors.Is(err, errFaulty) {
		m.course.allowed = s.run.allowed
		if m.kernelFault() == nil {
			m = nil // it is well, but is not kept
		}
	}
	if err == nil {
		m, err = s.restore(ctx, snap, keep, silence)
	}
	var missing *qemu.NotFoundError
	if err == nil || m != nil || ctx.Err() != nil || errors.As(err, &missing) {
		return m, false, err
	}
	s.giveUp(err)
	m, err = s.boot(ctx, keep, silence)
	return m, false, err
}

// restore restores a machine of this run. The error is damage where the snapshot
// is to blame.
func (s *source) restore(ctx context.Context, snap *snapshot, keep bool, silence time.Duration) (*machine, error) {
	t := snap.template()
	if keep {
		var err error
		if t, err = t.copy(); err != nil {
			return nil, err
		}
	}
	m, err := t.restore(ctx, s.spec, keep, silence)
	switch {
	case m != nil:
		m.memory = t.file
	case keep:
		t.file.Close()
	}
	if m == nil && err != nil && ctx.Err() == nil {
		err = &damage{snap.dir, err}
	}
	return m, err
}

// boot is bootMachine for a machine of this run.
func (s *source) boot(ctx context.Context, keep bool, silence time.Duration) (*machine, error) {
	if !keep {
		return bootMachine(ctx, s.spec, silence)
	}
	memory, path, err := newMemory()
	if err != nil {
		return nil, err
	}
	spec := s.spec
	spec.RAM = &qemu.RAM{File: path}
	m, err := bootMachine(ctx, spec, silence)
	if m == nil {
		memory.Close()
		return nil, err
	}
	m.memory = memory
	return m, err
}

// giveUp says why nothing can be restored, and removes a snapshot that is to
// blame.
func (s *source) giveUp(err error) {
	s.run.say("no machine can be restored, so it boots (KMODTEST_SNAPSHOT=off does so without trying): %v", err)
	var broken *damage
	if errors.As(err, &broken) {
		if err := removeSnapshot(broken.dir); err != nil {
			s.run.say("the snapshot can not be removed: %v", err)
		}
	}
}

// load makes all further machines come with the files that send sends, which
// pays off from the third one on. Where that can not be they come without, and
// find out themselves what is wrong.
func (s *source) load(ctx context.Context, send func(*wire.Writer) error) {
	if s.run.env.Snapshot == "off" {
		return
	}
	silence := s.run.silence(s.spec.Accel)
	snap, _, err := findSnapshot(ctx, s.run.cache, s.spec, silence)
	if err != nil {
		return
	}
	if s.loaded, err = snap.template().load(ctx, s.spec, silence, send); err != nil {
		s.loaded = nil
	}
}

// close frees what load has made.
func (s *source) close() {
	if s.loaded != nil {
		s.loaded.close()
	}
}
