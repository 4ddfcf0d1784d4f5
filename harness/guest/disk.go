package guest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// DiskFault describes which requests of a FailingDisk fail.
type DiskFault struct {
	Reads, Writes bool // Writes includes flushes and discards
	// Sectors are up to 16 sectors of 512 bytes: only requests that touch one of
	// them fail. If it is empty, all do.
	Sectors []int64
}

// Disk attaches a new, empty virtio-blk disk and returns the path of its device, such as
// /dev/vda. size, in bytes, is a multiple of 512, and at most 4 GiB for all disks that the
// machine has at the same time, which may be 8. What is not written takes no space on the
// host. Cleanup removes the disk; if it is still in use, for example mounted, that is an
// error.
//
// The kernel needs the module virtio_blk, which stays loaded, and CONFIG_HOTPLUG_PCI_ACPI.
func Disk(tb testing.TB, size int64) string {
	tb.Helper()
	return attachDisk(tb, size, "-", nil)
}

// FailingDisk is Disk with some requests that fail with EIO.
func FailingDisk(tb testing.TB, size int64, fault DiskFault) string {
	tb.Helper()
	kinds := ""
	if fault.Reads {
		kinds += "r"
	}
	if fault.Writes {
		kinds += "w"
	}
	if kinds == "" {
		tb.Fatal("guest.FailingDisk: neither reads nor writes fail")
	}
	return attachDisk(tb, size, kinds, fault.Sectors)
}

// deviceLimit is how long the kernel may take to find an attached device.
const deviceLimit = time.Minute

func attachDisk(tb testing.TB, size int64, kinds string, sectors []int64) string {
	tb.Helper()
	require(tb)
	if err := prepareHotplug("virtio_blk"); err != nil {
		tb.Fatalf("attach a disk: %v", err)
	}
	args := []string{strconv.FormatInt(size, 10), kinds}
	for _, sector := range sectors {
		args = append(args, strconv.FormatInt(sector, 10))
	}
	yes, name, err := ask(tb, "disk", args...)
	if err == nil && !yes {
		err = errors.New(name)
	}
	if err != nil {
		tb.Fatalf("attach a disk: %v", err)
	}
	path := ""
	tb.Cleanup(func() {
		tb.Helper()
		if err := detachDisk(tb, path, name); err != nil {
			tb.Errorf("cleanup: remove disk %s: %v", path, err)
		}
	})
	if path, err = awaitDisk(name); err != nil {
		tb.Fatalf("attach a disk: %v", err)
	}
	return path
}

// prepareHotplug loads the driver of a device that the host is about to attach, unless it
// is loaded.
func prepareHotplug(driver string) error {
	if err := hotplug(); err != nil {
		return err
	}
	_, err := loadModule(driver, nil)
	if errors.Is(err, unix.EEXIST) {
		return nil
	}
	return err
}

// hotplug returns an error if the machine cannot take devices while it runs.
func hotplug() error {
	if slots, _ := filepath.Glob("/sys/bus/pci/slots/*"); len(slots) == 0 { // the pattern is well formed
		return errors.New("the machine cannot take devices while it runs: the kernel needs CONFIG_HOTPLUG_PCI_ACPI, and QEMU's machine type must be pc, which is the default, not q35")
	}
	return nil
}

// awaitDisk waits until there is a disk with a serial number, and returns its path.
func awaitDisk(serial string) (string, error) {
	for deadline := time.Now().Add(deviceLimit); ; time.Sleep(time.Millisecond) {
		files, _ := filepath.Glob("/sys/block/vd*/serial") // the pattern is well formed
		for _, file := range files {
			path := filepath.Join("/dev", filepath.Base(filepath.Dir(file)))
			text, err := os.ReadFile(file)
			if _, missing := os.Stat(path); err == nil && missing == nil && strings.TrimSpace(string(text)) == serial {
				return path, nil
			}
		}
		if time.Now().After(deadline) {
			return "", fmt.Errorf("the kernel has not found it within %v", deviceLimit)
		}
	}
}

// detachDisk removes a disk with a serial number. path is empty if the kernel has not
// found it.
func detachDisk(tb testing.TB, path, serial string) error {
	tb.Helper()
	if path != "" {
		fd, err := unix.Open(path, unix.O_RDONLY|unix.O_EXCL|unix.O_CLOEXEC, 0)
		if errors.Is(err, unix.EBUSY) {
			return errors.New("it is still in use, for example mounted")
		}
		if err == nil {
			_ = unix.Close(fd)
		}
	}
	yes, reason, err := ask(tb, "remove", serial)
	if err == nil && !yes {
		err = errors.New(reason)
	}
	return err
}
