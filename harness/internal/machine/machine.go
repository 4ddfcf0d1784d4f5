// Package machine boots, snapshots and restores the virtual machines in which
// tests run, talks to their guests, and collects the evidence of how they ended.
package machine

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/kmodtest/kmodtest/harness/internal/devices"
	"github.com/kmodtest/kmodtest/harness/internal/dmesg"
	"github.com/kmodtest/kmodtest/harness/internal/hostfs"
	"github.com/kmodtest/kmodtest/harness/internal/modindex"
	"github.com/kmodtest/kmodtest/harness/internal/qemu"
	"github.com/kmodtest/kmodtest/harness/internal/timeline"
	"github.com/kmodtest/kmodtest/harness/internal/verdict"
	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// Machine is a virtual machine with the data that its guest has sent so far. Only
// Stop and Cancel may be called by several goroutines at once.
type Machine struct {
	*vm

	// Timeline is the kernel log as the tests see it.
	Timeline *timeline.Timeline
	// HasFiles reports whether the guest already has the files of a job.
	HasFiles bool
	// Missed are names for which the kernel has requested modules that it does not
	// have, each once.
	Missed []string

	in     *wire.Reader
	out    *wire.Writer
	guest  guestState
	log    dmesg.Log
	files  wire.Receiver
	client Client   // of the job; nil before it
	late   lateness // of tests after their timeout

	inspected *wire.Receiver // of files of a guest without a job; nil if none are asked for

	devices *devices.Devices // that tests have requested
	modules modindex.Server
	host    hostfs.Server
}

// guestState is what the guest has reported of itself.
type guestState struct {
	greeted  bool   // its first process runs
	release  string // of the kernel
	answered bool   // it has answered since it was last asked
	ready    *wire.Readiness
	exit     *wire.Status
	checks   *wire.Findings
	done     bool
}

// options are what machines need besides QEMU's configuration.
type options struct {
	limits  limits
	modules *modindex.Index // for the guests; nil for none
	host    hostfs.Tree     // of the files that guests see
}

// startMachine starts QEMU. See start.
func startMachine(ctx context.Context, config qemu.Config, opt options) (*Machine, error) {
	v, err := start(ctx, config, opt.limits)
	if err != nil {
		return nil, err
	}
	return newMachine(v, opt), nil
}

func newMachine(v *vm, opt options) *Machine {
	m := &Machine{
		vm: v, Timeline: timeline.New(rand.Text()),
		in: wire.NewReader(v.channel), out: wire.NewWriter(v.channel),
	}
	m.devices = devices.New(v.ctx, v.process, m.Answer)
	m.modules.Index, m.modules.Out = opt.modules, m.out
	m.host.Tree, m.host.Out = opt.host, m.out
	return m
}

// boot starts a machine, and returns when it is ready for a job. If it does not
// come up, boot returns it with the reason.
func boot(ctx context.Context, config qemu.Config, opt options) (*Machine, error) {
	m, err := startMachine(ctx, config, opt)
	if err != nil {
		return nil, err
	}
	if err := m.awaitReady(); err != nil {
		m.Stop()
		return m, err
	}
	return m, nil
}

// Stop ends the machine. It may be called again.
func (m *Machine) Stop() {
	m.process.Stop()
	m.cancel(nil)
	m.files.Abort()
}

// Close is Stop, and frees the memory that outlives the machine.
func (m *Machine) Close() {
	m.Stop()
	if m.memory != nil {
		m.memory.Close()
	}
}

// awaitReady returns when the guest waits for a job.
func (m *Machine) awaitReady() error {
	stop := m.within("the guest has not been ready for a job")
	err := m.listen(func() bool { return m.guest.ready != nil })
	stop()
	if err != nil {
		return err
	}
	if m.guest.ready.Error != "" {
		return &verdict.LoadError{Module: m.guest.ready.Module, Reason: m.guest.ready.Error}
	}
	return nil
}

// awaitAnswer returns when a guest that was restored has answered.
func (m *Machine) awaitAnswer() error {
	m.guest.answered = false
	t := time.AfterFunc(m.limits.silence, func() {
		m.cancel(&verdict.SilenceError{Reason: fmt.Sprintf("the guest did not answer within %v", m.limits.silence)})
	})
	defer t.Stop()
	if err := m.out.Write(wire.Beat, nil); err != nil {
		return m.explain(err)
	}
	return m.listen(func() bool { return m.guest.answered })
}

// settle returns when the guest has all answers to its requests, so that it can be saved.
func settle(m *Machine) error {
	return m.modules.Settle(func() error { return m.host.Settle(m.awaitAnswer) })
}

// drain reads the records that the guest had sent when its machine was killed: a
// restored copy does not send them again.
func (m *Machine) drain() error {
	for {
		rec, err := m.in.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = m.receive(rec)
		}
		if err != nil {
			return fmt.Errorf("read the guest's last records: %w", err)
		}
	}
}

// listen receives records until enough returns true.
func (m *Machine) listen(enough func() bool) error {
	for !enough() {
		rec, err := m.in.Read()
		if err != nil {
			return m.explain(err)
		}
		m.signs.hold()
		err = m.receive(rec)
		m.signs.release()
		if err != nil {
			return err
		}
	}
	return nil
}

// faulty reports whether the kernel has reported a fault that is neither expected
// nor allowed.
func (m *Machine) faulty() bool {
	m.addConsole()
	return len(m.Timeline.Unexpected()) > 0
}

// addConsole adds to the kernel log of a machine that ended early the records that
// only the console has.
func (m *Machine) addConsole() {
	if !m.guest.done {
		own, _ := m.console.parts()
		m.log.AddConsole(own, m.Timeline)
	}
}
