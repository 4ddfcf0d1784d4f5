package qemu

import (
	"context"
	"fmt"
)

// Press sends a magic SysRq key on the console. The kernel answers if at least
// one processor takes interrupts of the serial line: 'l' prints the backtraces of
// all processors, 'w' the blocked tasks, and 'd' the locks that are held, if
// lockdep is on. See Documentation/admin-guide/sysrq.rst of the kernel.
func (p *Process) Press(ctx context.Context, key byte) error {
	return p.converse(ctx, func(m *monitor) error {
		if err := m.run("chardev-send-break", map[string]any{"id": consoleName}); err != nil {
			return err
		}
		if _, err := p.keys.Write([]byte{key}); err != nil {
			return fmt.Errorf("send a key to the console: %w", err)
		}
		return nil
	})
}

// Strike sends an NMI to the first processor, which takes it even with interrupts
// off. The kernel panics and prints that processor's backtrace.
func (p *Process) Strike(ctx context.Context) error {
	return p.converse(ctx, func(m *monitor) error { return m.run("inject-nmi", nil) })
}
