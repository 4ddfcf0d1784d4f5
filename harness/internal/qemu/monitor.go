package qemu

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// monitor speaks QMP, QEMU's machine protocol: a JSON object a line each way,
// answers in the order of the commands, and events in between.
// See docs/interop/qmp-spec of QEMU.
type monitor struct {
	conn   *net.UnixConn
	in     *json.Decoder
	events []event // arrived, and not yet waited for
	ready  bool    // the greeting has been exchanged
}

// message is whatever QEMU sends.
type message struct {
	Greeting json.RawMessage `json:"QMP"`
	Return   json.RawMessage `json:"return"`
	Error    *struct {
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

// run runs one command and waits for its answer.
func (m *monitor) run(command string, arguments any) error {
	return m.runWith(nil, command, arguments)
}

// sendFile hands QEMU an open file, under a name.
func (m *monitor) sendFile(name string, f *os.File) error {
	return m.runWith(unix.UnixRights(int(f.Fd())), "getfd", map[string]any{"fdname": name})
}

// runWith is run for a command that an open file goes with.
func (m *monitor) runWith(rights []byte, command string, arguments any) error {
	if !m.ready {
		m.ready = true
		var greeting message
		if err := m.in.Decode(&greeting); err != nil {
			return fmt.Errorf("read QEMU's greeting: %w", err)
		}
		if err := m.run("qmp_capabilities", nil); err != nil {
			return err
		}
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
			return fmt.Errorf("wait for QEMU's answer to %s: %w", command, err)
		case msg.Name != "":
			m.events = append(m.events, msg.event)
		case msg.Error != nil:
			return fmt.Errorf("QEMU refuses %s: %s", command, msg.Error.Desc)
		default:
			return nil
		}
	}
}

// migrated waits until a migration has come to its end.
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
				return errors.New("QEMU says that the migration has " + e.Data.Status)
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

// capability is one of QEMU's names for what a migration can do.
type capability struct {
	Capability string `json:"capability"`
	State      bool   `json:"state"`
}

// prepareMigration makes migrations tell what happens to them, and leave out
// memory that lies in a file.
func (m *monitor) prepareMigration() error {
	return m.run("migrate-set-capabilities", map[string]any{"capabilities": []capability{
		{"events", true}, {"x-ignore-shared", true},
	}})
}
