package machine

import (
	"context"
	"io"
	"os"
	"time"

	"github.com/kmodtest/kmodtest/harness/internal/modindex"
	"github.com/kmodtest/kmodtest/harness/internal/qemu"
	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// Connect returns a machine whose guest is at the other end of conn, waits for a
// job and has its files. It gets modules of an index, which may be nil. There is no QEMU.
// It is for tests of the host side, which must handle any data from a guest.
func Connect(ctx context.Context, conn io.ReadWriter, modules *modindex.Index) *Machine {
	v := newVM(ctx, qemu.Config{Accel: qemu.TCG}, limits{silence: time.Minute})
	v.process, v.channel = newConnected(), conn
	if c, ok := conn.(io.Closer); ok { // as QEMU does when it is killed
		context.AfterFunc(v.ctx, func() { _ = c.Close() })
	}
	m := newMachine(v, options{modules: modules})
	m.HasFiles = true
	m.guest = guestState{greeted: true, ready: &wire.Readiness{}}
	return m
}

// connected is the process of a machine without QEMU. It has always ended
// regularly.
type connected struct {
	uninspected
	ended chan struct{}
}

func newConnected() *connected {
	c := &connected{ended: make(chan struct{})}
	close(c.ended)
	return c
}

// PID returns 0.
func (c *connected) PID() int { return 0 }

// Ended returns a closed channel.
func (c *connected) Ended() <-chan struct{} { return c.ended }

// Err returns nil.
func (c *connected) Err() error { return nil }

// Said returns nothing.
func (c *connected) Said() string { return "" }

// CommandLine returns nothing.
func (c *connected) CommandLine() string { return "" }

// Press does nothing.
func (c *connected) Press(context.Context, byte) error { return nil }

// Strike does nothing.
func (c *connected) Strike(context.Context) error { return nil }

// Save does nothing.
func (c *connected) Save(context.Context, *os.File) error { return nil }

// Restore does nothing.
func (c *connected) Restore(context.Context, *os.File) error { return nil }

// AddDisk does nothing.
func (c *connected) AddDisk(context.Context, qemu.Disk) error { return nil }

// RemoveDisk does nothing.
func (c *connected) RemoveDisk(context.Context, qemu.Disk, time.Duration) error { return nil }

// AddNIC does nothing.
func (c *connected) AddNIC(context.Context, qemu.NIC) error { return nil }

// Kill does nothing.
func (c *connected) Kill() {}

// Stop does nothing.
func (c *connected) Stop() {}

// uninspected is a machine that nobody looks into from outside.
type uninspected struct{}

// Debug does nothing.
func (uninspected) Debug(context.Context, string) error { return nil }

// Remain does nothing.
func (uninspected) Remain(context.Context) error { return nil }

// Remaining returns a channel that receives nothing.
func (uninspected) Remaining() <-chan string { return nil }

// WriteMemory does nothing.
func (uninspected) WriteMemory(context.Context, *os.File) error { return nil }

// Quit does nothing.
func (uninspected) Quit(context.Context) error { return nil }
