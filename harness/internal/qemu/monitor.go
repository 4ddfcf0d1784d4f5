package qemu

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// monitor is a client of QMP, QEMU's machine protocol: one JSON object per line in
// each direction, replies in the order of the commands, and events in between.
// See docs/interop/qmp-spec of QEMU. Only one goroutine may use it at a time.
type monitor struct {
	conn *net.UnixConn
	qemu *version // nil until greet

	once    sync.Once
	closed  chan struct{} // nobody waits for messages any more
	replies chan message  // the greeting and replies; closed after an error
	err     error         // valid once replies is closed

	// A guest can cause any number of events. They are read at once, and those
	// for which there is no room are dropped.
	migrations chan string // states
	deleted    chan string // names of devices that have been removed
}

// version is QEMU's version, from its greeting.
type version struct {
	Major, Minor int
}

func (v version) atLeast(major, minor int) bool {
	return v.Major > major || v.Major == major && v.Minor >= minor
}

// message is anything that QEMU sends.
type message struct {
	Greeting *struct {
		Version struct {
			QEMU version `json:"qemu"`
		} `json:"version"`
	} `json:"QMP"`
	Return json.RawMessage `json:"return"`
	Error  *struct {
		Class string `json:"class"`
		Desc  string `json:"desc"`
	} `json:"error"`
	event
}

type event struct {
	Name string `json:"event"`
	Data struct {
		Status string `json:"status"`
		Device string `json:"device"`
	} `json:"data"`
}

// newMonitor returns a monitor that reads from conn until close.
func newMonitor(conn *net.UnixConn) *monitor {
	m := &monitor{
		conn: conn, closed: make(chan struct{}), replies: make(chan message), migrations: make(chan string, 16), deleted: make(chan string, 16),
	}
	go m.read()
	return m
}

// close closes the connection. It may be called at any time, by any goroutine, and
// more than once.
func (m *monitor) close() {
	m.once.Do(func() {
		close(m.closed)
		m.conn.Close()
	})
}

// read passes on QEMU's messages.
func (m *monitor) read() {
	defer close(m.replies)
	for in := json.NewDecoder(m.conn); ; {
		var msg message
		if m.err = in.Decode(&msg); m.err != nil {
			return
		}
		switch msg.Name {
		case "":
			select {
			case m.replies <- msg:
			case <-m.closed:
				return
			}
		case "MIGRATION":
			offer(m.migrations, msg.Data.Status)
		case "DEVICE_DELETED":
			offer(m.deleted, msg.Data.Device)
		}
	}
}

// offer sends s unless c is full.
func offer(c chan<- string, s string) {
	select {
	case c <- s:
	default:
	}
}

// receive waits for the greeting or a reply.
func (m *monitor) receive() (message, error) {
	msg, ok := <-m.replies
	if !ok {
		return msg, m.err
	}
	return msg, nil
}

// greet exchanges greetings, if that has not been done.
func (m *monitor) greet() error {
	if m.qemu != nil {
		return nil
	}
	greeting, err := m.receive()
	if err != nil {
		return fmt.Errorf("read QEMU's greeting: %w", err)
	}
	if greeting.Greeting == nil || greeting.Greeting.Version.QEMU.Major == 0 {
		return errors.New("QEMU's greeting has no version")
	}
	m.qemu = &greeting.Greeting.Version.QEMU
	return m.run("qmp_capabilities", nil)
}

// run runs one command and waits for its reply.
func (m *monitor) run(command string, arguments any) error {
	return m.runWith(nil, command, arguments)
}

// runWith is run for a command that is sent with an open file.
func (m *monitor) runWith(file *os.File, command string, arguments any) error {
	if err := m.greet(); err != nil {
		return err
	}
	request := map[string]any{"execute": command}
	if arguments != nil {
		request["arguments"] = arguments
	}
	b, err := json.Marshal(request)
	if err != nil {
		return err
	}
	var rights []byte
	if file != nil {
		rights = unix.UnixRights(int(file.Fd()))
	}
	if _, _, err := m.conn.WriteMsgUnix(append(b, '\n'), rights, nil); err != nil {
		return fmt.Errorf("send %s to QEMU: %w", command, err)
	}
	reply, err := m.receive()
	if err != nil {
		return fmt.Errorf("wait for QEMU's reply to %s: %w", command, err)
	}
	if reply.Error != nil {
		return &rejection{command, reply.Error.Class, reply.Error.Desc}
	}
	return nil
}

// rejection is QEMU's refusal of a command.
type rejection struct{ command, class, reason string }

func (r *rejection) Error() string { return fmt.Sprintf("QEMU rejected %s: %s", r.command, r.reason) }

// migrate starts a migration to or from an open file, with the command migrate or
// migrate-incoming, and waits until it ends. The file must be open for that
// direction only.
func (m *monitor) migrate(command string, state *os.File) error {
	if err := m.greet(); err != nil {
		return err
	}
	err := m.run("migrate-set-capabilities", map[string]any{"capabilities": []capability{
		{"events", true}, {"x-ignore-shared", true}, // leave out memory that is in a file
	}})
	if err != nil {
		return err
	}
	// All versions take a named open file, but newer ones warn unless it is a
	// socket or a pipe.
	hand, arguments, uri := "getfd", map[string]any{"fdname": "state"}, "fd:state"
	if m.qemu.atLeast(9, 1) {
		hand, arguments, uri = "add-fd", map[string]any{"fdset-id": 0}, "file:/dev/fdset/0"
	}
	if err := m.runWith(state, hand, arguments); err != nil {
		return err
	}
	if err := m.run(command, map[string]any{"uri": uri}); err != nil {
		return err
	}
	return m.migrated()
}

// migrated waits until a migration ends.
func (m *monitor) migrated() error {
	for {
		select {
		case status := <-m.migrations:
			switch status {
			case "completed":
				return nil
			case "failed", "cancelled":
				return errors.New("QEMU reports the migration as " + status)
			}
		case <-m.replies: // there is no command to reply to: it has been closed
			return fmt.Errorf("wait for the end of the migration: %w", m.err)
		}
	}
}

// capability is a migration capability of QEMU.
type capability struct {
	Capability string `json:"capability"`
	State      bool   `json:"state"`
}
