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
	// Fresh runs a test in fresh machines, and returns at once.
	Fresh(test wire.FreshTest) error
	// Wait answers a request when all machines of a test have made it, and returns
	// at once.
	Wait(id, moment string) error
	// Missing is called when the kernel asks for a module that it does not have.
	Missing(name string) error
	// Taken is called when the program has the last piece of input.
	Taken() error
}

// idle is the client of a guest without a job, which has nothing to send to it.
type idle struct{}

var errIdle = &wire.GarbledError{Err: errors.New("the guest has no job")}

// Stdout returns an error.
func (idle) Stdout([]byte) error { return errIdle }

// Stderr returns an error.
func (idle) Stderr([]byte) error { return errIdle }

// Advance does nothing.
func (idle) Advance() error { return nil }

// Create returns an error.
func (idle) Create(wire.FileHead) (wire.Sink, error) { return nil, errIdle }

// Fresh returns an error.
func (idle) Fresh(wire.FreshTest) error { return errIdle }

// Wait returns an error.
func (idle) Wait(string, string) error { return errIdle }

// Missing does nothing.
func (idle) Missing(string) error { return nil }

// Taken returns an error.
func (idle) Taken() error { return errIdle }

// receive acts on one record.
func (m *Machine) receive(rec wire.Record) error {
	client := m.client
	if client == nil {
		client = idle{}
	}
	switch rec.Type {
	case wire.KernelLog:
		if err := addToLog(m, rec); err != nil {
			return err
		}
		return client.Advance()
	case wire.Mark:
		m.Timeline.Announce(string(rec.Payload))
		return nil
	case wire.Stdout:
		m.late.beats = 0
		return client.Stdout(rec.Payload)
	case wire.Stderr:
		m.late.beats = 0
		return client.Stderr(rec.Payload)
	case wire.File, wire.Data, wire.FileEnd:
		if m.inspected != nil {
			return m.inspected.Take(rec)
		}
		if m.guest.exit == nil || m.guest.checks != nil { // files come between
			return &wire.GarbledError{Err: fmt.Errorf("unexpected %v record from the guest", rec.Type)}
		}
		m.files.Create = client.Create
		return m.files.Take(rec)
	case wire.Beat:
		m.guest.answered = true
		m.Timeline.Beat()
		if m.late.beat() {
			go m.endHanging(m.late.reason)
		}
		return client.Advance()
	case wire.Ask:
		return takeRequest(m, rec, client)
	case wire.Taken:
		return client.Taken()
	case wire.HostAsk:
		return m.host.Take(rec, m.ctx.Done())
	case wire.Modprobe:
		missed, err := m.modules.Take(rec, m.ctx.Done())
		if err != nil || missed == "" {
			return err
		}
		m.Missed = append(m.Missed, missed)
		return client.Missing(missed)
	}
	return m.guest.receive(rec, m.client != nil)
}

// addToLog adds a record of the kernel log.
func addToLog(m *Machine, rec wire.Record) error {
	entry, err := klog.Parse(rec.Payload)
	if err == nil {
		m.log.Add(entry, !m.guest.greeted, m.Timeline)
		err = m.Timeline.Err()
	}
	if err != nil {
		return &wire.GarbledError{Err: err}
	}
	return nil
}

// takeRequest acts on a test's request, or leaves it to the goroutine that attaches
// devices.
func takeRequest(m *Machine, rec wire.Record, client Client) error {
	var request wire.Request
	if err := rec.Decode(&request); err != nil {
		return err
	}
	if err := request.Check(); err != nil {
		return &wire.GarbledError{Err: err}
	}
	if m.client == nil {
		return errIdle
	}
	switch request.Verb {
	case wire.VerbFresh, wire.VerbTogether:
		test, _ := request.Fresh() // it has been checked
		return client.Fresh(test)
	case wire.VerbWait:
		return client.Wait(request.ID, request.Args[0])
	}
	return m.devices.Take(request)
}

// receive acts on a record in which the guest reports on itself. Each comes once,
// in the order of package wire's conversation.
func (g *guestState) receive(rec wire.Record, working bool) error {
	switch {
	case rec.Type == wire.Hello && !g.greeted:
		var greeting wire.Greeting
		g.greeted = true
		err := rec.Decode(&greeting)
		g.release = greeting.Release
		return err
	case rec.Type == wire.Ready && g.greeted && g.ready == nil:
		g.ready = &wire.Readiness{}
		return rec.Decode(g.ready)
	case rec.Type == wire.Exit && working && g.exit == nil:
		exit := &wire.Status{}
		if err := rec.Decode(exit); err != nil {
			return err
		}
		g.exit = exit
		return nil
	case rec.Type == wire.Checks && g.exit != nil && g.checks == nil:
		checks := &wire.Findings{}
		if err := rec.Decode(checks); err != nil {
			return err
		}
		g.checks = checks
		return nil
	case rec.Type == wire.Done && g.checks != nil && !g.done:
		g.done = true
		return nil
	}
	return &wire.GarbledError{Err: fmt.Errorf("unexpected %v record from the guest", rec.Type)}
}
