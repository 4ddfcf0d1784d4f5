package pid1

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/u-root/u-root/pkg/kmodule"
	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// openPort loads the drivers of the channel and opens it, in blocking mode: an idle
// guest sleeps in read(2), without Go's poller.
func openPort(drivers []string) (blockingFile, error) {
	for _, name := range drivers {
		if err := kmodule.Probe(name, ""); err != nil {
			return 0, fmt.Errorf("load %s: %w", name, err)
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
	return blockingFile(fd), nil
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

// blockingFile is a file descriptor that is used without Go's poller.
type blockingFile int

// Read reads once, and waits for data.
func (fd blockingFile) Read(p []byte) (int, error) {
	for {
		n, err := unix.Read(int(fd), p)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return 0, err
		case n == 0:
			return 0, io.EOF
		default:
			return n, nil
		}
	}
}

// Write writes all of p.
func (fd blockingFile) Write(p []byte) (n int, err error) {
	for n < len(p) {
		m, err := unix.Write(int(fd), p[n:])
		if err != nil && !errors.Is(err, unix.EINTR) {
			return n, err
		}
		n += max(m, 0)
	}
	return n, nil
}
