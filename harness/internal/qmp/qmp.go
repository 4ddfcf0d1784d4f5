// Package qmp is a client of QMP, QEMU's machine protocol: one JSON object per line in
// each direction, replies in the order of the commands, and events in between. See
// docs/interop/qmp-spec of QEMU.
package qmp

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// Client is the host's end of a connection with QEMU. Only one goroutine may use it at a
// time, except Close and Deleted.
type Client struct {
	conn *net.UnixConn
	qemu *version // nil until the greeting

	once    sync.Once
	closed  chan struct{} // nobody waits for messages any more
	replies chan message  // the greeting and replies; closed after an error
	err     error         // valid once replies is closed

	// A guest can cause any number of events. They are read at once, and those
	// for which there is no room are dropped.
	migrations chan string // states
	deleted    chan string // names of devices that have been removed
	shutdowns  chan string // reasons
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
		Reason string `json:"reason"`
	} `json:"data"`
}

// New returns a client that reads from conn until Close.
func New(conn *net.UnixConn) *Client {
	m := &Client{
		conn: conn, closed: make(chan struct{}), replies: make(chan message), migrations: make(chan string, 16), deleted: make(chan string, 16),
		shutdowns: make(chan string, 1),
	}
	go m.read()
	return m
}

// Close closes the connection. It may be called at any time, by any goroutine, and
// more than once.
func (m *Client) Close() {
	m.once.Do(func() {
		close(m.closed)
		m.conn.Close()
	})
}

// read passes on QEMU's messages.
func (m *Client) read() {
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
		case "SHUTDOWN":
			offer(m.shutdowns, msg.Data.Reason)
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
func (m *Client) receive() (message, error) {
	msg, ok := <-m.replies
	if !ok {
		return msg, m.err
	}
	return msg, nil
}

// greet exchanges greetings, if that has not been done.
func (m *Client) greet() error {
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
	return m.Run("qmp_capabilities", nil)
}

// Run runs one command and waits for its reply. The error may be a *Rejection.
func (m *Client) Run(command string, arguments any) error {
	return m.RunWith(nil, command, arguments)
}

// RunWith is Run for a command that is sent with an open file.
func (m *Client) RunWith(file *os.File, command string, arguments any) error {
	_, err := m.ask(file, command, arguments)
	return err
}

// Ask is Run, and returns what the command returns, as JSON.
func (m *Client) Ask(command string, arguments any) (json.RawMessage, error) {
	return m.ask(nil, command, arguments)
}

func (m *Client) ask(file *os.File, command string, arguments any) (json.RawMessage, error) {
	if err := m.greet(); err != nil {
		return nil, err
	}
	request := map[string]any{"execute": command}
	if arguments != nil {
		request["arguments"] = arguments
	}
	b, err := json.Marshal(request)
	if err != nil {
		return nil, err
	}
	var rights []byte
	if file != nil {
		rights = unix.UnixRights(int(file.Fd()))
	}
	if _, _, err := m.conn.WriteMsgUnix(append(b, '\n'), rights, nil); err != nil {
		return nil, fmt.Errorf("send %s to QEMU: %w", command, err)
	}
	reply, err := m.receive()
	if err != nil {
		return nil, fmt.Errorf("wait for QEMU's reply to %s: %w", command, err)
	}
	if reply.Error != nil {
		return nil, &Rejection{command, reply.Error.Class, reply.Error.Desc}
	}
	return reply.Return, nil
}

// Rejection is QEMU's refusal of a command.
type Rejection struct {
	Command string
	Class   string // the kind of error, such as "DeviceNotFound"
	Reason  string
}

// Error names the command and the reason.
func (r *Rejection) Error() string { return fmt.Sprintf("QEMU rejected %s: %s", r.Command, r.Reason) }

// Deleted receives the names of devices that have been removed. It holds 16 of them; more
// are lost.
func (m *Client) Deleted() <-chan string { return m.deleted }

// Shutdowns receives the reason why the machine has ended, such as "guest-reset".
func (m *Client) Shutdowns() <-chan string { return m.shutdowns }

// Migrate starts a migration to or from an open file, with the command migrate or
// migrate-incoming, and waits until it ends. The file must be open for that
// direction only.
func (m *Client) Migrate(command string, state *os.File) error {
	if err := m.greet(); err != nil {
		return err
	}
	err := m.Run("migrate-set-capabilities", map[string]any{"capabilities": []capability{
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
	if err := m.RunWith(state, hand, arguments); err != nil {
		return err
	}
	if err := m.Run(command, map[string]any{"uri": uri}); err != nil {
		return err
	}
	return m.migrated()
}

// migrated waits until a migration ends.
func (m *Client) migrated() error {
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
