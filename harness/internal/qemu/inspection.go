package qemu

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/kmodtest/kmodtest/harness/internal/qmp"
)

// Inspection is the part of a Process with which a machine is looked into from outside.
type Inspection struct{ process *Process }

// Debug stops the machine, and lets gdb attach to it at a Unix socket, which QEMU makes.
func (i *Inspection) Debug(ctx context.Context, socket string) error {
	return i.process.converse(ctx, func(m *qmp.Client) error {
		if err := m.Run("stop", nil); err != nil {
			return err
		}
		// The monitor for people has this command only.
		said, err := m.Ask("human-monitor-command", map[string]any{"command-line": "gdbserver unix:" + escape(socket) + ",server=on,wait=off"})
		var answer string
		if err == nil {
			err = json.Unmarshal(said, &answer)
		}
		if err == nil && !strings.HasPrefix(answer, "Waiting for gdb connection") {
			err = fmt.Errorf("QEMU does not let gdb attach: %s", strings.TrimSpace(answer))
		}
		return err
	})
}

// Remain makes a machine that ends remain as it is, until Quit. Remaining then
// receives why. It requires QEMU 6.0.
func (i *Inspection) Remain(ctx context.Context) error {
	return i.process.converse(ctx, func(m *qmp.Client) error {
		return m.Run("set-action", map[string]any{"shutdown": "pause"})
	})
}

// Remaining receives the reason why a machine has ended; "guest-reset" is a restart by the
// guest, as that of a kernel that panics.
func (i *Inspection) Remaining() <-chan string { return i.process.monitor.Shutdowns() }

// Quit ends QEMU regularly, and waits until it has ended.
func (i *Inspection) Quit(ctx context.Context) error {
	err := i.process.converse(ctx, func(m *qmp.Client) error { return m.Run("quit", nil) })
	if err == nil {
		<-i.process.ended
	}
	return err
}

// WriteMemory writes the machine's memory and the state of its processors to a file that is
// open for writing, as an ELF file. A running machine stops meanwhile.
func (i *Inspection) WriteMemory(ctx context.Context, to *os.File) error {
	const name = "memory"
	return i.process.converse(ctx, func(m *qmp.Client) error {
		if err := m.RunWith(to, "getfd", map[string]any{"fdname": name}); err != nil {
			return fmt.Errorf("write the machine's memory: %w", err)
		}
		if err := m.Run("dump-guest-memory", map[string]any{"paging": false, "protocol": "fd:" + name}); err != nil {
			return fmt.Errorf("write the machine's memory: %w", err)
		}
		return nil
	})
}
