// Package devices attaches the devices that the tests in a guest request, within
// limits, and removes them.
package devices

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/internal/qemu"
	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// Limits of the devices that the tests of a machine request.
const (
	maxDisks    = 8            // at the same time
	maxDiskSize = wire.MaxDisk // bytes of all disks at the same time
	maxRequests = 128          // that wait; an intact guest has fewer: see package pid1
	maxDevices  = 10_000       // in the life of a machine
)

// ejection is how long the guest's kernel may take to give a device back. Under
// emulation and on a busy host it takes some time.
const ejection = 20 * time.Second

// Machine attaches devices to a running machine: a *qemu.Process.
type Machine interface {
	AddDisk(ctx context.Context, d qemu.Disk) error
	RemoveDisk(ctx context.Context, d qemu.Disk, limit time.Duration) error
	AddNIC(ctx context.Context, n qemu.NIC) error
}

// Devices are those of one machine that tests have requested. A goroutine attaches and
// removes them, one after the other, so that the reader of the guest's records does not
// wait.
type Devices struct {
	// NIC is the card of the network of a test's machines, which the test may
	// attach once; nil if there is none. It is set before the first request. Its links
	// are closed then.
	NIC *qemu.NIC

	ctx     context.Context // ends with the machine
	machine Machine
	answer  func(wire.Answer) error
	waiting chan wire.Request
	once    sync.Once // starts the goroutine

	made  int
	disks map[string]qemu.Disk
	total int64 // bytes of all disks
}

// New returns the devices of a machine, which has none. They are removed when ctx is
// done. Requests are answered by answer; it returns an error if the guest is gone.
func New(ctx context.Context, m Machine, answer func(wire.Answer) error) *Devices {
	return &Devices{ctx: ctx, machine: m, answer: answer, waiting: make(chan wire.Request, maxRequests), disks: map[string]qemu.Disk{}}
}

// Take passes a request on to the goroutine. The error is one of a guest that is not
// intact.
func (d *Devices) Take(request wire.Request) error {
	d.once.Do(func() { go d.serve() })
	select {
	case d.waiting <- request:
		return nil
	default:
		return &wire.GarbledError{Err: fmt.Errorf("more than %d requests for devices wait", maxRequests)}
	}
}

// serve acts on requests until the machine ends.
func (d *Devices) serve() {
	defer func() {
		for _, disk := range d.disks {
			disk.Content.Close()
		}
	}()
	for {
		select {
		case <-d.ctx.Done():
			return
		case request := <-d.waiting:
			name, err := d.do(request)
			answer := wire.Answer{ID: request.ID, OK: err == nil, Text: name}
			if err != nil {
				answer.Text = err.Error()
			}
			if d.answer(answer) != nil {
				return // the channel is broken, which its reader reports
			}
		}
	}
}

// do acts on a request, and returns the name of the device, or a card's address.
func (d *Devices) do(request wire.Request) (string, error) {
	switch request.Verb {
	case wire.VerbRemove:
		name, err := request.Device()
		if err != nil {
			return "", err
		}
		return name, d.remove(name)
	case wire.VerbNetwork:
		return d.addNIC()
	}
	disk, err := request.Disk()
	if err != nil {
		return "", err
	}
	return d.addDisk(disk)
}

// addNIC attaches the network card, and returns its address.
func (d *Devices) addNIC() (string, error) {
	nic := d.NIC
	if nic == nil {
		return "", errors.New("the machine has no network, or it has been attached")
	}
	d.NIC = nil
	defer func() {
		for _, link := range nic.Links {
			link.Close() // otherwise the other machine would not notice the end of this one
		}
	}()
	return nic.Address, d.machine.AddNIC(d.ctx, *nic)
}

// addDisk attaches an empty disk. Its content is a file without a name.
func (d *Devices) addDisk(want wire.Disk) (string, error) {
	switch {
	case len(d.disks) >= maxDisks:
		return "", fmt.Errorf("a machine has at most %d disks at the same time", maxDisks)
	case d.total+want.Size > maxDiskSize:
		return "", fmt.Errorf("the disks of a machine have at most %d bytes at the same time: %d are free", int64(maxDiskSize), maxDiskSize-d.total)
	case d.made >= maxDevices:
		return "", fmt.Errorf("a machine gets at most %d devices", maxDevices)
	}
	d.made++
	content, err := namelessFile(want.Size)
	if err != nil {
		return "", err
	}
	disk := qemu.Disk{
		Name: fmt.Sprintf("kmodtest%d", d.made), Set: d.made, Content: content,
		FailReads: want.FailReads, FailWrites: want.FailWrites, Sectors: want.Sectors,
	}
	if err := d.machine.AddDisk(d.ctx, disk); err != nil {
		content.Close()
		return "", err
	}
	d.disks[disk.Name] = disk
	d.total += want.Size
	return disk.Name, nil
}

// remove removes a disk.
func (d *Devices) remove(name string) error {
	disk, ok := d.disks[name]
	if !ok {
		return fmt.Errorf("there is no disk %q", name)
	}
	if err := d.machine.RemoveDisk(d.ctx, disk, ejection); err != nil {
		return err
	}
	delete(d.disks, name)
	info, err := disk.Content.Stat()
	if err == nil {
		d.total -= info.Size()
	}
	return errors.Join(err, disk.Content.Close())
}

// namelessFile makes a sparse file in the directory for temporary files. It has no
// name: nothing is left of it when it has been closed.
func namelessFile(size int64) (*os.File, error) {
	f, err := openNameless(os.TempDir())
	if err == nil {
		err = f.Truncate(size)
	}
	if err != nil {
		if f != nil {
			f.Close()
		}
		return nil, fmt.Errorf("make a file for a disk: %w", err)
	}
	return f, nil
}

func openNameless(dir string) (*os.File, error) {
	fd, err := unix.Open(dir, unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
	if err == nil {
		return os.NewFile(uintptr(fd), "disk"), nil
	}
	f, err := os.CreateTemp(dir, "kmodtest-disk-") // not every file system can do the above
	if err != nil {
		return nil, err
	}
	return f, os.Remove(f.Name())
}
