package machine

import (
	"errors"
	"fmt"

	"github.com/kmodtest/kmodtest/harness/internal/klog"
	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// Client is the host's side of a job. Its methods are called by one goroutine. An
// error ends the conversation with the guest.
type Client interface {
	// Stdout and Stderr take the output of the test binary.
	Stdout(p []byte) error
	Stderr(p []byte) error
	// Advance is called when the kernel log has grown, and at each heartbeat.
	Advance() error
	// Create makes a file that the guest sends back.
	Create(head wire.FileHead) (wire.Sink, error)
	// Fresh runs a test in a machine of its own, and returns at once.
	Fresh(test wire.FreshTest) error
}

// idle is the client of a guest without a job, which has nothing to send to it.
type idle struct{}

var errIdle = &wire.GarbledError{Err: errors.New("the guest has no job")}

func (idle) Stdout([]byte) error                     { return errIdle }
func (idle) Stderr([]byte) error                     { return errIdle }
func (idle) Advance() error                          { return nil }
func (idle) Create(wire.FileHead) (wire.Sink, error) { return nil, errIdle }
func (idle) Fresh(wire.FreshTest) error              { return errIdle }

// receive acts on one record.
func (m *Machine) receive(rec wire.Record) error {
	client := m.client
	if client == nil {
		client = idle{}
	}
	switch rec.Type {
	case wire.KernelLog:
		entry, err := klog.Parse(rec.Payload)
		if err != nil {
			return &wire.GarbledError{Err: err}
		}
		m.log.add(entry, !m.guest.greeted, m.Timeline)
		return client.Advance()
	case wire.Stdout:
		m.late.beats = 0
		return client.Stdout(rec.Payload)
	case wire.Stderr:
		m.late.beats = 0
		return client.Stderr(rec.Payload)
	case wire.File, wire.Data, wire.FileEnd:
		m.files.Create = client.Create
		return m.files.Take(rec)
	case wire.Beat:
		m.guest.answered = true
		m.Timeline.Beat()
		if m.late.beat() {
			go m.endHanging(m.late.reason)
		}
		return client.Advance()
	case wire.Fresh:
		var test wire.FreshTest
		if err := rec.Decode(&test); err != nil {
			return err
		}
		return client.Fresh(test)
	}
	return m.guest.receive(rec)
}

// receive acts on a record in which the guest reports on itself.
func (g *guestState) receive(rec wire.Record) error {
	switch rec.Type {
	case wire.Hello:
		var greeting wire.Greeting
		g.greeted = true
		err := rec.Decode(&greeting)
		g.release = greeting.Release
		return err
	case wire.Ready:
		g.ready = &wire.Readiness{}
		return rec.Decode(g.ready)
	case wire.Exit:
		g.exit = &wire.Status{}
		return rec.Decode(g.exit)
	case wire.Checks:
		g.checks = &wire.Findings{}
		return rec.Decode(g.checks)
	case wire.Done:
		g.done = true
		return nil
	}
	return &wire.GarbledError{Err: fmt.Errorf("unexpected %v record from the guest", rec.Type)}
}
