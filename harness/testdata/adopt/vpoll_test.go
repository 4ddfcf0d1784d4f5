package adopt

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

func reportsEvents(t *testing.T) {
	const add, remove = 0x5e01, 0x5e02 // requests of the device
	fd := int(open(t, "/dev/vpoll", os.O_RDWR).Fd())
	if got := poll(t, fd); got != 0 {
		t.Errorf("a new file has events %#x, want none", got)
	}
	for _, step := range []struct {
		request uintptr
		events  uintptr
		want    int16
	}{
		{add, unix.POLLIN, unix.POLLIN},
		{add, unix.POLLPRI, unix.POLLIN | unix.POLLPRI},
		{remove, unix.POLLIN, unix.POLLPRI},
		{remove, unix.POLLPRI, 0},
	} {
		if _, _, err := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), step.request, step.events); err != 0 {
			t.Fatalf("request %#x of events %#x: %v", step.request, step.events, err)
		}
		if got := poll(t, fd); got != step.want {
			t.Errorf("after request %#x of events %#x: got events %#x, want %#x", step.request, step.events, got, step.want)
		}
	}
}

// poll returns the events that a file has now.
func poll(t *testing.T, fd int) int16 {
	t.Helper()
	files := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN | unix.POLLPRI}}
	if _, err := unix.Poll(files, 0); err != nil {
		t.Fatal(err)
	}
	return files[0].Revents
}
