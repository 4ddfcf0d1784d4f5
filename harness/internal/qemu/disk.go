package qemu

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/internal/qmp"
)

// Disk is a virtio-blk disk that is attached to a running machine.
type Disk struct {
	// Name is QEMU's name of the disk, and its serial number in the guest: at
	// most 20 bytes.
	Name string
	// Set is a number for the open file that no other device of the machine has
	// had. It is not 0.
	Set int
	// Content is open for reading and writing, and has the disk's size. QEMU
	// gets a copy of the descriptor and no name.
	Content *os.File
	// FailReads and FailWrites make requests fail with EIO: those that touch
	// one of the sectors of 512 bytes, or all if there are none.
	FailReads, FailWrites bool
	Sectors               []int64
}

// AddDisk attaches a disk.
func (p *Process) AddDisk(ctx context.Context, d Disk) error {
	return p.converse(ctx, func(m *qmp.Client) error {
		if err := m.RunWith(d.Content, "add-fd", map[string]any{"fdset-id": d.Set}); err != nil {
			return err
		}
		err := m.Run("blockdev-add", d.backend())
		if err == nil {
			err = addDevice(p, m, "virtio-blk", d.Name, map[string]any{
				"drive": d.Name, "serial": d.Name,
				// An error is the guest's: QEMU does not stop the machine.
				"rerror": "report", "werror": "report",
			})
			if err != nil {
				_ = m.Run("blockdev-del", map[string]any{"node-name": d.Name}) // err is the reason
			}
		}
		if err != nil {
			_ = m.Run("remove-fd", map[string]any{"fdset-id": d.Set})
		}
		return err
	})
}

// backend returns the arguments of blockdev-add.
func (d Disk) backend() map[string]any {
	raw := map[string]any{
		"driver": "raw", "node-name": d.Name,
		"file": map[string]any{"driver": "file", "filename": fmt.Sprintf("/dev/fdset/%d", d.Set), "locking": "off"},
	}
	rules := d.rules()
	if len(rules) == 0 {
		return raw
	}
	delete(raw, "node-name")
	return map[string]any{"driver": "blkdebug", "node-name": d.Name, "image": raw, "inject-error": rules}
}

// rules returns the errors that QEMU's block layer injects.
func (d Disk) rules() []map[string]any {
	var kinds []string
	if d.FailReads {
		kinds = append(kinds, "read")
	}
	if d.FailWrites {
		kinds = append(kinds, "write", "write-zeroes", "discard")
		if len(d.Sectors) == 0 {
			kinds = append(kinds, "flush")
		}
	}
	var rules []map[string]any
	for _, kind := range kinds {
		rule := func(sector int64) map[string]any {
			return map[string]any{"event": "none", "iotype": kind, "errno": int(unix.EIO), "sector": sector}
		}
		for _, sector := range d.Sectors {
			rules = append(rules, rule(sector))
		}
		if len(d.Sectors) == 0 {
			rules = append(rules, rule(-1)) // any
		}
	}
	return rules
}

// ErrKept reports that the guest's kernel has not given a device back.
var ErrKept = errors.New("the kernel has not given it back")

// RemoveDisk removes a disk, and returns when QEMU has closed its content. The guest's
// kernel has to agree; the error is ErrKept if it does not within limit.
func (p *Process) RemoveDisk(ctx context.Context, d Disk, limit time.Duration) error {
	if err := removeDevice(ctx, p, d.Name, limit); err != nil {
		return err
	}
	p.slots.Free(d.Name)
	return p.converse(ctx, func(m *qmp.Client) error {
		if err := m.Run("blockdev-del", map[string]any{"node-name": d.Name}); err != nil {
			return err
		}
		return m.Run("remove-fd", map[string]any{"fdset-id": d.Set})
	})
}

// addDevice attaches a virtio device.
func addDevice(p *Process, m *qmp.Client, kind, name string, properties map[string]any) error {
	err := p.slots.Take(kind, name, properties)
	if err == nil {
		if err = m.Run("device_add", properties); err != nil {
			p.slots.Free(name)
		}
	}
	return err
}

// removeDevice removes a device, and returns when it is gone.
func removeDevice(ctx context.Context, p *Process, name string, limit time.Duration) error {
	err := p.converse(ctx, func(m *qmp.Client) error {
		for len(m.Deleted()) > 0 {
			<-m.Deleted()
		}
		return m.Run("device_del", map[string]any{"id": name})
	})
	var rejected *qmp.Rejection
	if errors.As(err, &rejected) && rejected.Class == "DeviceNotFound" {
		return nil // the guest has removed it by itself
	}
	if err != nil {
		return err
	}
	late := time.NewTimer(limit)
	defer late.Stop()
	for {
		select {
		case gone := <-p.monitor.Deleted():
			if gone == name {
				return nil
			}
		case <-late.C:
			return ErrKept
		case <-p.ended:
			return errors.New("QEMU has ended")
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
