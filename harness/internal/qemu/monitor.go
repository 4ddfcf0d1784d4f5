package qemu

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// monitor is a client of QMP, QEMU's machine protocol: one JSON object per line in
// each direction, replies in the order of the commands, and events in between.
// See docs/interop/qmp-spec of QEMU.
type monitor struct {
	conn   *net.UnixConn
	in     *json.Decoder
	events []event // received, and not yet waited for
	qemu   *version
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
	} `json:"data"`
}

func newMonitor(conn *net.UnixConn) *monitor { return &monitor{conn: conn, in: json.NewDecoder(conn)} }

// run runs one command and waits for its reply.
func (m *monitor) run(command string, arguments any) error {
	return m.runWith(nil, command, arguments)
}

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
	if err := m.runWith(unix.UnixRights(int(state.Fd())), hand, arguments); err != nil {
		return err
	}
	if err := m.run(command, map[string]any{"uri": uri}); err != nil {
		return err
	}
	return m.migrated()
}

// greet exchanges greetings, if that has not been done.
func (m *monitor) greet() error {
	if m.qemu != nil {
		return nil
	}
	var greeting message
	if err := m.in.Decode(&greeting); err != nil {
		return fmt.Errorf("read QEMU's greeting: %w", err)
	}
	if greeting.Greeting == nil || greeting.Greeting.Version.QEMU.Major == 0 {
		return errors.New("QEMU's greeting has no version")
	}
	m.qemu = &greeting.Greeting.Version.QEMU
	return m.run("qmp_capabilities", nil)
}

// runWith is run for a command that is sent with an open file.
func (m *monitor) runWith(rights []byte, command string, arguments any) error {
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
	if _, _, err := m.conn.WriteMsgUnix(append(b, '\n'), rights, nil); err != nil {
		return fmt.Errorf("send %s to QEMU: %w", command, err)
	}
	for {
		var msg message
		switch err := m.in.Decode(&msg); {
		case err != nil:
			return fmt.Errorf("wait for QEMU's reply to %s: %w", command, err)
		case msg.Name != "":
			m.events = append(m.events, msg.event)
		case msg.Error != nil:
			return fmt.Errorf("QEMU rejected %s: %s", command, msg.Error.Desc)
		default:
			return nil
		}
	}
}

// migrated waits until a migration ends.
func (m *monitor) migrated() error {
	for {
		for _, e := range m.events {
			if e.Name != "MIGRATION" {
				continue
			}
			switch e.Data.Status {
			case "completed":
				m.events = nil
				return nil
			case "failed", "cancelled":
				return errors.New("QEMU reports the migration as " + e.Data.Status)
			}
		}
		m.events = nil
		var msg message
		if err := m.in.Decode(&msg); err != nil {
			return fmt.Errorf("wait for the end of the migration: %w", err)
		}
		if msg.Name != "" {
			m.events = append(m.events, msg.event)
		}
	}
}

// capability is a migration capability of QEMU.
type capability struct {
	Capability string `json:"capability"`
	State      bool   `json:"state"`
}
