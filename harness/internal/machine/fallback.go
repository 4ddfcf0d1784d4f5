package machine

import (
	"context"
	"sync"

	"github.com/kmodtest/kmodtest/harness/internal/bootfail"
	"github.com/kmodtest/kmodtest/harness/internal/qemu"
)

// fallback is the choice of an accelerator after KVM has failed. It is safe for concurrent use.
type fallback struct {
	mu     sync.Mutex
	broken bool // KVM has failed
}

// config returns the configuration for the next machine.
func (s *Source) config() qemu.Config {
	config := s.Config
	if s.fallback.happened() {
		config.Accel = qemu.TCG
	}
	return config
}

// Accel returns the accelerator of the machines that start from now on.
func (s *Source) Accel() qemu.Accel { return s.config().Accel }

func (f *fallback) happened() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.broken
}

// begin notes that KVM has failed, and reports whether that is new.
func (f *fallback) begin() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	before := f.broken
	f.broken = true
	return !before
}

// machine is Machine. A boot that an error of QEMU's emulation may have ended gets a second machine: QEMU 7.2 may run an
// old form of code that the kernel has changed, without end, and QEMU 10.0 may abort in iotlb_to_section. If KVM was
// detected and a machine does not start with it, another starts with TCG; if that one does, KVM is not tried again for
// a while.
func (s *Source) machine(ctx context.Context, keep bool) (*Machine, error) {
	config := s.config()
	m, err := s.machineWith(ctx, config, keep)
	if m != nil && config.Accel == qemu.TCG && ctx.Err() == nil {
		if what := bootfail.OfQEMU(m.guest.greeted, err); what != "" {
			m.Close()
			s.Say("%s before the first process ran, which errors of QEMU's emulation can cause: starting the machine once more", what)
			m, err = s.machineWith(ctx, config, keep)
		}
	}
	if !s.Detected || config.Accel != qemu.KVM || m == nil || ctx.Err() != nil {
		return m, err
	}
	why := bootfail.OfKVM(m.guest.greeted || m.console.String() != "", err, m.process.Said)
	if why == "" {
		return m, err
	}
	m.Close()
	first := s.fallback.begin()
	if first {
		s.Say("the machine does not start under KVM (%s): using TCG emulation, which is slower", why)
	}
	m, err = s.machineWith(ctx, s.config(), keep)
	if err == nil && first {
		if err := qemu.RememberFailure(s.CacheDir, config, why); err != nil {
			s.Say("cannot remember that KVM does not work: %v", err)
		}
	}
	return m, err
}
