package machine

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"sync"

	"github.com/kmodtest/kmodtest/harness/internal/qemu"
	"github.com/kmodtest/kmodtest/harness/internal/verdict"
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

// machine is Machine. A kernel that hangs in its boot under TCG gets a second machine: QEMU 7.2 may run an old form of
// code that the kernel has changed, without end. If KVM was detected and a machine does not start with it, another
// starts with TCG; if that one does, KVM is not tried again for a while.
func (s *Source) machine(ctx context.Context, keep bool) (*Machine, error) {
	config := s.config()
	m, err := s.machineWith(ctx, config, keep)
	if m != nil && hungInBoot(config.Accel, m.guest.greeted, err) && ctx.Err() == nil {
		m.Close()
		s.Say("the kernel hung before its first process ran, which errors of QEMU's emulation can cause: starting the machine once more")
		m, err = s.machineWith(ctx, config, keep)
	}
	if !s.Detected || config.Accel != qemu.KVM || m == nil || ctx.Err() != nil {
		return m, err
	}
	why := kvmFailure(m.guest.greeted || m.console.String() != "", err, m.process.Said)
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

// hungInBoot reports whether a kernel hung under TCG before its first process ran.
func hungInBoot(accel qemu.Accel, greeted bool, err error) bool {
	return accel == qemu.TCG && !greeted && errors.As(err, new(*verdict.SilenceError))
}

// aboutKVM matches QEMU's messages about KVM.
var aboutKVM = regexp.MustCompile(`(?i)kvm|\bmsrs?\b`)

// kvmFailure returns why a machine that did not start should be tried without KVM,
// or "". alive reports whether there was any sign of life, err is why the machine
// ended, and said returns QEMU's messages.
func kvmFailure(alive bool, err error, said func() string) string {
	var silence *verdict.SilenceError
	var end *verdict.EndError
	switch {
	case alive:
		return ""
	case errors.As(err, &silence):
		if line := lineAboutKVM(said()); line != "" {
			return line
		}
		return silence.Reason
	case errors.As(err, &end) && end.Err != nil:
		if crashed.MatchString(end.Err.Error()) {
			return end.Err.Error()
		}
		return lineAboutKVM(end.Err.Error())
	}
	return ""
}

// crashed matches the errors of a QEMU that died of itself.
var crashed = regexp.MustCompile(`^signal: (aborted|segmentation fault|bus error|illegal instruction)`)

// lineAboutKVM returns the first line of a text that is about KVM, or "".
func lineAboutKVM(text string) string {
	for line := range strings.Lines(text) {
		if aboutKVM.MatchString(line) {
			return strings.TrimSpace(line)
		}
	}
	return ""
}
