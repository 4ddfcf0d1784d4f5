package events

import (
	"errors"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/internal/inside"
)

// Channel is the channel from the guest to the host. PID 1 reads the pipe that is
// standard output and sends what it reads to the host, which takes some milliseconds in
// an emulated guest. So events go to the host directly unless the pipe has earlier output.
// The nil Channel is that of a process that PID 1 has not started.
type Channel struct {
	record int // file descriptor of inside.ChannelFile
	taken  int // file descriptor of inside.TakenFile

	draining sync.Mutex
}

// OpenChannel takes over the files that PID 1 gave to this process. It may be called
// once. Tests, and the programs that they start, do not find them at their numbers.
func OpenChannel() (*Channel, error) {
	c := &Channel{}
	for number, place := range map[int]*int{inside.ChannelFile: &c.record, inside.TakenFile: &c.taken} {
		fd, err := unix.FcntlInt(uintptr(number), unix.F_DUPFD_CLOEXEC, inside.Descriptor)
		if err != nil {
			return nil, &os.PathError{Op: "duplicate", Path: "channel", Err: err}
		}
		*place = fd
		_ = unix.Close(number)
	}
	return c, nil
}

// write sends text to the host as output, if all earlier output in the pipe out is
// there, and with it the line of a mark, unless that is "". It returns whether it has done so.
func (c *Channel) write(out *os.File, text []byte, mark string) bool {
	if c == nil || !empty(out) {
		return false
	}
	record := inside.OutputRecord(text)
	if mark != "" {
		record = append(record, inside.MarkRecord(mark)...)
	}
	return c.send(record)
}

// announce sends the line of a mark to the host. It returns whether it has done so.
func (c *Channel) announce(mark string) bool {
	return c != nil && mark != "" && c.send(inside.MarkRecord(mark))
}

// send sends one or more records, which the kernel's driver must not cut.
func (c *Channel) send(record []byte) bool {
	if len(record) > inside.MaxRecord {
		return false
	}
	for {
		n, err := unix.Write(c.record, record)
		if !errors.Is(err, unix.EINTR) {
			return n == len(record)
		}
	}
}

// empty reports whether all data in the pipe has gone to the host: PID 1 removes data
// only after it has sent them.
func empty(pipe *os.File) bool {
	n, err := unix.IoctlGetInt(int(pipe.Fd()), unix.TIOCINQ)
	return err == nil && n == 0
}

// patience is the longest time for which a test waits until all earlier output has
// gone to the host.
const patience = 100 * time.Millisecond

// wait waits until all data in the pipe out has gone to the host.
func (c *Channel) wait(out *os.File) {
	if c == nil {
		return
	}
	c.draining.Lock()
	defer c.draining.Unlock()
	for begin := time.Now(); time.Since(begin) < patience; { // other goroutines may print all the time
		if empty(out) {
			return
		}
		taken := []unix.PollFd{{Fd: int32(c.taken), Events: unix.POLLIN}}
		if n, err := unix.Poll(taken, int(patience.Milliseconds())); n == 0 || err != nil && !errors.Is(err, unix.EINTR) {
			return
		}
		var count [8]byte
		_, _ = unix.Read(c.taken, count[:]) // sets the count to 0
	}
}
