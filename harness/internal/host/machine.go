package host

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/kmodtest/kmodtest/harness/internal/klog"
	"github.com/kmodtest/kmodtest/harness/internal/qemu"
	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// machine is a running guest, and what it has said so far.
type machine struct {
	spec    qemu.Machine
	process *qemu.Process
	in      *wire.Reader
	out     *wire.Writer
	console *console
	pulse   pulse
	silence time.Duration
	ctx     context.Context
	cancel  context.CancelCauseFunc

	lane           lane
	stdout, stderr io.Writer
	files          wire.Receiver
	// course is what its log tells; heard is called when there is more of it,
	// or may be.
	course      *course
	heard       func() error
	consoleRead bool
	rest        []klog.Record // of a machine that has died: what only its console has
	// goesOn tells that it has died in the middle of tests, and that those
	// that are left can run in another one.
	goesOn bool
	// Of tests whose time is over: see overdue.
	late      atomic.Bool
	lateText  string
	lateBeats int
	asked     atomic.Bool // it hangs, and is being asked why
	// memory is the guest's, if it can be read when the machine has died.
	memory *os.File
	// fresh is called for a test that asks for a machine of its own.
	fresh func(wire.FreshTest)

	greeted bool
	// answered tells that a beat has come since it was asked for.
	answered bool
	release  string // of the kernel, as the guest says
	ready    *wire.Readiness
	exit     *wire.Status
	checks   *wire.Findings
	done     bool
	boot     []klog.Record // the kernel's log before the modules were loaded
	log      []klog.Record // and from there on
}

// startMachine starts QEMU. The machine ends with ctx, and when it has shown no
// sign of life for the time of silence.
func startMachine(ctx context.Context, spec qemu.Machine, silence time.Duration) (*machine, error) {
	m := &machine{spec: spec, silence: silence, course: newCourse(rand.Text()), heard: func() error { return nil }}
	m.pulse.beat()
	m.ctx, m.cancel = context.WithCancelCause(ctx)
	m.console = &console{heed: m.pulse.beat, asked: -1}
	var err error
	if m.process, err = qemu.Start(m.ctx, spec, m.console); err != nil {
		m.cancel(nil)
		return nil, err
	}
	m.stdout, m.stderr = io.Discard, io.Discard
	m.in, m.out = wire.NewReader(m.process.Channel), wire.NewWriter(m.process.Channel)
	go m.watch()
	return m, nil
}

// bootMachine starts a machine, and returns when it is ready for a job. When it
// does not come up, it is returned with the reason.
func bootMachine(ctx context.Context, spec qemu.Machine, silence time.Duration) (*machine, error) {
	m, err := startMachine(ctx, spec, silence)
	if err != nil {
		return nil, err
	}
	if err := m.awaitReady(); err != nil {
		m.stop()
		return m, err
	}
	return m, nil
}

// stop ends the machine. It may be called again.
func (m *machine) stop() {
	m.process.Stop()
	m.cancel(nil)
	m.files.Abort()
}

// forget is stop, and gives up the machine's memory.
func (m *machine) forget() {
	m.stop()
	if m.memory != nil {
		m.memory.Close()
	}
}

// awaitReady returns when the guest waits for a job.
func (m *machine) awaitReady() error {
	if err := m.listen(func() bool { return m.ready != nil }); err != nil {
		return err
	}
	if m.ready.Error != "" {
		return &loadError{module: m.ready.Module, reason: m.ready.Error}
	}
	return nil
}

// awaitAnswer returns when a guest that was restored has answered.
func (m *machine) awaitAnswer() error {
	m.answered = false
	t := time.AfterFunc(m.silence, func() {
		m.cancel(&silenceError{what: fmt.Sprintf("it does not answer in %v", m.silence)})
	})
	defer t.Stop()
	if err := m.out.Write(wire.Beat, nil); err != nil {
		return m.explain(err)
	}
	return m.listen(func() bool { return m.answered })
}

// drain takes what the guest had said when its machine was killed: no copy of it
// will say that again.
func (m *machine) drain() error {
	for {
		rec, err := m.in.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = m.take(rec)
		}
		if err != nil {
			return fmt.Errorf("read what the guest has said: %w", err)
		}
	}
}

// grace is how long after a test binary's own timeout the guest may take to
// deliver its last words.
const grace = 60 * time.Second

// awaitDone returns when the guest has said its last word. A test binary has
// its own timeout; the machine ends some time after it.
func (m *machine) awaitDone(timeout time.Duration) error {
	if timeout > 0 {
		t := time.AfterFunc(timeout, func() { m.overdue(timeout) })
		defer t.Stop()
		t = time.AfterFunc(timeout+grace, func() {
			m.hang(&silenceError{fmt.Sprintf("the tests have outlived their timeout of %v by %v", timeout, grace)})
		})
		defer t.Stop()
	}
	end := m.lane.phase("tests")
	err := m.listen(func() bool { return m.exit != nil })
	end()
	if err != nil || m.exit.Error != "" {
		return err
	}
	defer m.lane.phase("checks")()
	t := time.AfterFunc(grace, func() {
		m.cancel(&silenceError{fmt.Sprintf("the checks after the tests, such as unloading the modules, have not ended in %v", grace)})
	})
	defer t.Stop()
	return m.listen(func() bool { return m.done })
}

// listen takes records until enough tells that it is.
func (m *machine) listen(enough func() bool) error {
	for !enough() {
		rec, err := m.in.Read()
		if err != nil {
			return m.explain(err)
		}
		m.pulse.hold()
		err = m.take(rec)
		m.pulse.release()
		if err != nil {
			return err
		}
	}
	return nil
}

// explain finds the reason why the channel broke: what ended the machine.
func (m *machine) explain(err error) error {
	if cause := context.Cause(m.ctx); cause != nil {
		return cause
	}
	// When the channel ends, QEMU is ending; anything else is a confusion
	// that nothing but ending the machine gets us out of.
	if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, syscall.EPIPE) && !errors.Is(err, syscall.ECONNRESET) {
		return err
	}
	<-m.process.Ended()
	if cause := context.Cause(m.ctx); cause != nil {
		return cause
	}
	return &endError{err: m.process.Err()}
}

// take acts on one record.
func (m *machine) take(rec wire.Record) error {
	switch rec.Type {
	case wire.Hello:
		var greeting wire.Greeting
		m.greeted = true
		err := rec.Decode(&greeting)
		m.release = greeting.Release
		return err
	case wire.Ready:
		m.ready = &wire.Readiness{}
		return rec.Decode(m.ready)
	case wire.KernelLog:
		if err := m.takeLog(rec.Payload); err != nil {
			return err
		}
		return m.heard()
	case wire.Stdout:
		m.countLate(true)
		return output(m.stdout, rec.Payload)
	case wire.Stderr:
		m.countLate(true)
		return output(m.stderr, rec.Payload)
	case wire.Exit:
		m.exit = &wire.Status{}
		return rec.Decode(m.exit)
	case wire.File, wire.Data, wire.FileEnd:
		return m.files.Take(rec)
	case wire.Checks:
		m.checks = &wire.Findings{}
		return rec.Decode(m.checks)
	case wire.Done:
		m.done = true
	case wire.Beat:
		m.answered = true
		m.course.quiet++
		m.countLate(false)
		return m.heard()
	case wire.Fresh:
		var test wire.FreshTest
		if err := rec.Decode(&test); err != nil {
			return err
		}
		m.fresh(test)
	default:
		return &wire.GarbledError{Err: fmt.Errorf("unexpected %v record from the guest", rec.Type)}
	}
	return nil
}

func output(w io.Writer, p []byte) error {
	if _, err := w.Write(p); err != nil {
		return fmt.Errorf("write the tests' output: %w", err)
	}
	return nil
}

func (m *machine) takeLog(raw []byte) error {
	rec, err := klog.Parse(raw)
	if err != nil {
		return &wire.GarbledError{Err: err}
	}
	if m.greeted {
		m.log = append(m.log, rec)
		m.course.add(rec)
	} else {
		m.boot = append(m.boot, rec)
	}
	return nil
}

// usualSilence is how long a machine may show no sign of life: no record, and
// nothing on its console. A guest with a job sends a record each second.
func usualSilence(accel qemu.Accel) time.Duration {
	if accel == qemu.KVM {
		return 20 * time.Second
	}
	return 90 * time.Second
}

// stoppage is a time for which this process is not kept from running by other
// work: it was stopped, as by ctrl-Z, and what the guest said is still to be read.
const stoppage = 5 * time.Second

// watch ends a machine that shows no sign of life.
func (m *machine) watch() {
	ticks := time.NewTicker(time.Second)
	defer ticks.Stop()
	for last := time.Now(); ; last = time.Now() {
		select {
		case <-m.ctx.Done():
			return
		case <-m.process.Ended():
			return
		case <-ticks.C:
			if time.Since(last) > stoppage {
				m.pulse.beat()
			}
			if m.pulse.since() > m.silence {
				m.hang(&silenceError{what: fmt.Sprintf("the guest has shown no sign of life for %v", m.silence)})
			}
		}
	}
}

// pulse remembers the last sign of life. While it is held, the delay is ours:
// whoever reads the tests' output may be slow.
type pulse struct {
	last atomic.Int64 // nanoseconds since epoch
	held atomic.Bool
}

// epoch makes times comparable that were taken by a clock which nobody sets, and
// which stands still while the host is suspended.
var epoch = time.Now()

func (p *pulse) beat()    { p.last.Store(int64(time.Since(epoch))) }
func (p *pulse) hold()    { p.held.Store(true) }
func (p *pulse) release() { p.beat(); p.held.Store(false) }

func (p *pulse) since() time.Duration {
	if p.held.Load() {
		return 0
	}
	return time.Since(epoch) - time.Duration(p.last.Load())
}

// quitRelay hands SIGQUIT on to the test binary, which prints what its
// goroutines do: the go command asks for that when a test takes too long.
type quitRelay chan os.Signal

func relayQuit(out *wire.Writer) quitRelay {
	signals := make(quitRelay, 1)
	signal.Notify(signals, syscall.SIGQUIT)
	go func() {
		for range signals {
			// A broken channel shows where it is read.
			_ = out.Write(wire.Signal, []byte{byte(syscall.SIGQUIT)})
		}
	}()
	return signals
}

func (q quitRelay) stop() {
	signal.Stop(q)
	close(q)
}
