package machine

import (
	"context"
	"errors"
	"path/filepath"
	"regexp"
	"time"

	"github.com/kmodtest/kmodtest/harness/internal/hostfs"
	"github.com/kmodtest/kmodtest/harness/internal/modindex"
	"github.com/kmodtest/kmodtest/harness/internal/qemu"
	"github.com/kmodtest/kmodtest/harness/internal/wire"
	"github.com/kmodtest/kmodtest/images/cache"
)

// Source provides the machines of a run. Its fields are not to be changed after
// its first use. After Preload, its methods may be called by several goroutines
// at once.
type Source struct {
	Config   qemu.Config
	CacheDir string                           // of the project; snapshots are kept below it
	NoSaving bool                             // boot each machine, and save none
	Silence  time.Duration                    // how long a machine may show no sign of life; 0 for the default
	Allow    []*regexp.Regexp                 // faults that do not count
	Modules  *modindex.Index                  // the modules that guests can get; nil for none
	Host     hostfs.Tree                      // of the files that guests see
	Say      func(format string, args ...any) // prints a line for the user

	// Detected reports that Config.Accel is KVM because a trial of it worked,
	// not because the user asked for it: then TCG replaces it if no machine
	// starts with it.
	Detected bool

	loaded   *loaded // nil if machines start without files
	fallback fallback
}

// Machine returns a machine that is ready for a job: restored if possible, else
// booted. With keep, the machine's memory outlives it, for Outcome.FuzzInputs and Outcome.Memory. If
// the machine does not come up, it is returned with the reason. The caller closes
// it.
func (s *Source) Machine(ctx context.Context, keep bool) (*Machine, error) {
	m, err := s.machine(ctx, keep)
	if m != nil {
		m.Timeline.Allow(s.Allow)
	}
	return m, err
}

// machineWith is Machine for a machine with that configuration.
func (s *Source) machineWith(ctx context.Context, config qemu.Config, keep bool) (*Machine, error) {
	if s.loaded != nil {
		config.InTurns = true // as many machines run as there are processors
		m, err := s.loaded.restore(ctx, config, false, s.options(config))
		if m != nil {
			m.HasFiles = true
		}
		return m, err
	}
	if s.NoSaving {
		return s.boot(ctx, config, keep)
	}
	snap, m, err := findSnapshot(ctx, s.CacheDir, config, s.options(config))
	if m != nil && errors.Is(err, errFaulty) {
		m.Timeline.Allow(s.Allow)
		if !m.faulty() {
			m = nil // its faults are allowed, but it is not saved
		}
	}
	if err == nil {
		m, err = s.restore(ctx, config, snap, keep)
	}
	var missing *qemu.NotFoundError
	if err == nil || m != nil || ctx.Err() != nil || errors.As(err, &missing) {
		return m, err
	}
	s.giveUp(ctx, err)
	return s.boot(ctx, config, keep)
}

func (s *Source) options(config qemu.Config) options {
	l := limits{silence: s.Silence}
	if l.silence == 0 {
		l.silence = usualSilence(config.Accel)
		if s.Detected && config.Accel == qemu.KVM {
			l.first = firstSign
		}
	}
	return options{limits: l, modules: s.Modules, host: s.Host}
}

// restore restores a snapshot. The error is a damageError if the snapshot is the
// cause.
func (s *Source) restore(ctx context.Context, config qemu.Config, snap *snapshot, keep bool) (*Machine, error) {
	t := snap.template()
	if keep {
		var err error
		if t, err = t.copy(); err != nil {
			return nil, err
		}
	}
	m, err := t.restore(ctx, config, keep, s.options(config))
	switch {
	case m != nil:
		m.memory = t.file
	case keep:
		t.file.Close()
	}
	if m == nil && err != nil && ctx.Err() == nil {
		err = &damageError{snap.dir, err}
	}
	return m, err
}

// boot boots a machine.
func (s *Source) boot(ctx context.Context, config qemu.Config, keep bool) (*Machine, error) {
	if !keep || config.HasNodes() {
		return boot(ctx, config, s.options(config))
	}
	memory, path, err := newMemory()
	if err != nil {
		return nil, err
	}
	config.RAM = &qemu.RAM{File: path}
	m, err := boot(ctx, config, s.options(config))
	if m == nil {
		memory.Close()
		return nil, err
	}
	m.memory = memory
	return m, err
}

// giveUp prints why the snapshot cannot be restored, and removes it if it is the
// cause.
func (s *Source) giveUp(ctx context.Context, err error) {
	s.Say("cannot restore the snapshot; booting instead (KMODTEST_SNAPSHOT=off does not try): %v", err)
	var damage *damageError
	if errors.As(err, &damage) {
		if err := cache.Remove(ctx, filepath.Dir(damage.dir), filepath.Base(damage.dir)); err != nil {
			s.Say("cannot remove the snapshot: %v", err)
		}
	}
}

// Preload makes all further machines start with the files that upload sends, which
// saves time from the third machine on. If that fails they start without files, and
// their own uploads report the error.
func (s *Source) Preload(ctx context.Context, upload func(*wire.Writer) error) {
	if s.NoSaving {
		return
	}
	config := s.config()
	snap, _, err := findSnapshot(ctx, s.CacheDir, config, s.options(config))
	if err != nil {
		return
	}
	if s.loaded, err = snap.template().load(ctx, config, s.options(config), upload); err != nil {
		s.loaded = nil
	}
}

// Close frees what Preload has made.
func (s *Source) Close() {
	if s.loaded != nil {
		s.loaded.close()
	}
}
