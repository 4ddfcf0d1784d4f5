package machine

import (
	"crypto/rand"
	"fmt"
	"syscall"
	"time"

	"github.com/kmodtest/kmodtest/harness/internal/qemu"
	"github.com/kmodtest/kmodtest/harness/internal/trace"
	"github.com/kmodtest/kmodtest/harness/internal/verdict"
	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// Job is one start of a test binary in a machine.
type Job struct {
	// Work is the program to run. Run sets its Time, Entropy, Mark, Timeout and
	// TimerSlack.
	Work wire.Work
	// Upload sends the files of the job. It is not called for a machine that
	// already has them.
	Upload func(out *wire.Writer) error
	// Ready is called once the guest has the files, before the program starts; nil
	// for no call.
	Ready func() error
	// Started is called once the guest has the job; nil for no call.
	Started func() error
	Timeout time.Duration // of the tests; 0 for none
	Client  Client
	Thread  trace.Thread // of the phases
	NIC     *qemu.NIC    // of the network of a test's machines; nil if there is none
}

// Run runs a job in a machine that is ready, and returns when the guest is done.
// The machine cannot be used afterwards.
func (m *Machine) Run(j Job) error {
	m.client, m.devices.NIC = j.Client, j.NIC
	if err := m.upload(j); err != nil {
		return m.explain(fmt.Errorf("send the job: %w", err))
	}
	if j.Started != nil {
		if err := j.Started(); err != nil {
			return err
		}
	}
	return m.awaitDone(j)
}

func (m *Machine) upload(j Job) error {
	defer j.Thread.Phase("upload")()
	stop := m.within("the guest has not taken the files of the job")
	defer stop()
	if !m.HasFiles {
		if err := j.Upload(m.out); err != nil {
			return err
		}
	}
	if j.Ready != nil {
		if err := j.Ready(); err != nil {
			return err
		}
		if m.untimed.Load() {
			stop()
		}
	}
	entropy := make([]byte, 64)
	_, _ = rand.Read(entropy) // it never fails
	work := j.Work
	work.Time, work.Entropy = time.Now().UnixNano(), string(entropy)
	work.Mark = m.Timeline.Word
	work.Timeout = j.Timeout.Nanoseconds()
	work.TimerSlack = timerSlack(m.config.Accel).Nanoseconds()
	return m.out.WriteMessage(wire.Job, &work)
}

// timerSlack returns how much later than requested the program's sleeps may end; 0
// means the kernel's default. Go's scheduler often sleeps for 20 µs, and for each
// sleep TCG sets a timer in another thread: with the default of 50 µs that takes a
// sixth of the time of a run.
func timerSlack(accel qemu.Accel) time.Duration {
	if accel == qemu.TCG {
		return 2 * time.Millisecond
	}
	return 0
}

// grace is how long the guest may take to finish after a test binary's own
// timeout, and to check the machine after the tests.
const grace = 60 * time.Second

// scanGrace is how long the checks may take if they look for memory that was leaked: a
// scan takes some 10 seconds under TCG, on a busy host.
const scanGrace = 5 * time.Minute

// awaitDone returns when the guest is done. The test binary watches its own
// timeout; the machine ends some time after it.
func (m *Machine) awaitDone(j Job) error {
	if j.Timeout > 0 && !m.untimed.Load() {
		t := time.AfterFunc(j.Timeout, func() { m.late.begin(j.Timeout) })
		defer t.Stop()
		t = time.AfterFunc(j.Timeout+grace, func() {
			m.endHanging(fmt.Sprintf("the tests have exceeded their timeout of %v by %v", j.Timeout, grace))
		})
		defer t.Stop()
	}
	end := j.Thread.Phase("tests")
	err := m.listen(func() bool { return m.guest.exit != nil })
	end()
	if err != nil || m.guest.exit.Error != "" {
		return err
	}
	defer j.Thread.Phase("checks")()
	limit := grace
	if m.guest.exit.Scans {
		limit = scanGrace
	}
	t := time.AfterFunc(limit, func() {
		if m.untimed.Load() {
			return
		}
		m.cancel(&verdict.SilenceError{Reason: fmt.Sprintf("the checks after the tests, such as unloading the modules, did not end within %v", limit)})
	})
	defer t.Stop()
	return m.listen(func() bool { return m.guest.done })
}

// Signal sends a signal to the test binary.
func (m *Machine) Signal(sig syscall.Signal) error {
	return m.out.Write(wire.Signal, []byte{byte(sig)})
}

// Answer answers a request of the guest.
func (m *Machine) Answer(a wire.Answer) error { return m.out.WriteMessage(wire.Reply, &a) }
