package qemu

import (
	"context"
	"fmt"
)

// Press has the kernel answer a key of its magic SysRq on the console, which it
// does as long as one processor takes interrupts of the serial line: 'l' tells
// what all processors do, 'w' what the tasks wait for that are blocked, 'd'
// which locks are held, where lockdep knows. See
// Documentation/admin-guide/sysrq.rst of the kernel.
func (p *Process) Press(ctx context.Context, key byte) error {
	return p.converse(ctx, func(m *monitor) error {
		if err := m.run("chardev-send-break", map[string]any{"id": consoleName}); err != nil {
			return err
		}
		if _, err := p.keys.Write([]byte{key}); err != nil {
			return fmt.Errorf("press a key on the console: %w", err)
		}
		return nil
	})
}

// Strike interrupts the first processor even where it takes no interrupts. The
// kernel panics, which tells what that processor did.
func (p *Process) Strike(ctx context.Context) error {
	return p.converse(ctx, func(m *monitor) error { return m.run("inject-nmi", nil) })
}
