package pid1

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/internal/modprobe"
	"github.com/kmodtest/kmodtest/harness/internal/system"
	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// openPort loads the drivers of the channel and opens it, in blocking mode: an idle
// guest sleeps in read(2), without Go's poller.
func openPort(drivers []string) (system.File, error) {
	for _, path := range drivers {
		if err := loadFile(path); err != nil && !errors.Is(err, unix.EEXIST) {
			return 0, fmt.Errorf("load %s: %w", path, err)
		}
	}
	path, err := findPort()
	if err != nil {
		return 0, err
	}
	fd, err := unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0, fmt.Errorf("open channel %s: %w", path, err)
	}
	return system.File(fd), nil
}

// loadFile loads a module from a file in the initramfs.
func loadFile(path string) error {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return modprobe.LoadFile(fd, nil)
}

// portPatience is how long the driver may take to find the port.
const portPatience = 20 * time.Second

// findPort returns the path of the channel's device.
func findPort() (string, error) {
	for deadline := time.Now().Add(portPatience); ; time.Sleep(time.Millisecond) {
		names, _ := filepath.Glob("/sys/class/virtio-ports/*/name") // the pattern is well formed
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err == nil && string(text) == wire.Port+"\n" {
				return "/dev/" + filepath.Base(filepath.Dir(name)), nil
			}
		}
		if time.Now().After(deadline) {
			return "", fmt.Errorf("no virtio port %s appeared in %v", wire.Port, portPatience)
		}
	}
}
