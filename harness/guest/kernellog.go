package guest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/internal/inside"
	"github.com/kmodtest/kmodtest/harness/internal/klog"
)

// maxRecord is more than the longest record that /dev/kmsg hands out; a shorter
// buffer would get EINVAL.
const maxRecord = 16 << 10

// maxPoll is how long one poll may take: /dev/kmsg wakes nobody for a record
// that is logged while the reader goes to sleep.
const maxPoll = 100 * time.Millisecond

// A Record is one message of the kernel log.
type Record struct {
	Facility int    // 0 for the kernel's own messages, more for those written to /dev/kmsg
	Level    int    // 0 (emergency) to 7 (debug); 6 is info
	Text     string // as it was logged, without time and prefix; a newline in here is one that the message contained
}

// A KernelLog reads the kernel log from the moment it was made. It is for one
// goroutine.
type KernelLog struct {
	tb      testing.TB
	fd      int
	records []Record
}

// WatchKernelLog starts to watch the kernel log: what was logged before is left
// out. What a system call logs can be read as soon as the call has returned;
// only a message without a newline at its end is held back by the kernel until
// the next one, as more of it might come.
func WatchKernelLog(tb testing.TB) *KernelLog {
	tb.Helper()
	require(tb)
	fd, err := openKernelLog()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = unix.Close(fd) })
	return &KernelLog{tb: tb, fd: fd}
}

// openKernelLog opens the kernel log at its end.
func openKernelLog() (int, error) {
	fd, err := unix.Open(inside.KernelLog, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("open kernel log: %w", err)
	}
	if _, err := unix.Seek(fd, 0, unix.SEEK_END); err != nil {
		_ = unix.Close(fd)
		return -1, fmt.Errorf("go to the end of the kernel log: %w", err)
	}
	return fd, nil
}

// Records returns everything logged since WatchKernelLog, but for the lines in
// which the harness notes where tests begin and end. Records that the kernel
// dropped before they could be read fail the test. Each call returns all of it
// again; the slice is not to be changed.
func (l *KernelLog) Records() []Record {
	l.tb.Helper()
	for _, r := range l.next() {
		l.records = append(l.records, Record{Facility: r.Facility, Level: r.Level, Text: inside.Unescape(r.Text)})
	}
	return l.records
}

// next returns what Records adds to what it had.
func (l *KernelLog) next() []klog.Record {
	l.tb.Helper()
	var records []klog.Record
	buffer := make([]byte, maxRecord)
	for {
		n, err := unix.Read(l.fd, buffer)
		switch {
		case errors.Is(err, unix.EAGAIN):
			return records
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EPIPE):
			l.tb.Errorf("kernel log: records were overwritten before they were read")
			continue
		case err != nil:
			l.tb.Fatalf("read kernel log: %v", err)
		}
		record, err := klog.Parse(buffer[:n])
		if err != nil {
			l.tb.Fatalf("read kernel log: %v", err)
		}
		if record.Facility == 0 || !inside.IsMark(inside.Unescape(record.Text)) {
			records = append(records, record)
		}
	}
}

// WaitFor waits until a record with exactly this text was logged since
// WatchKernelLog, and returns it. It ends the test after timeout.
func (l *KernelLog) WaitFor(text string, timeout time.Duration) Record {
	l.tb.Helper()
	deadline := time.Now().Add(timeout)
	seen := 0
	for {
		records := l.Records()
		for _, record := range records[seen:] {
			if record.Text == text {
				return record
			}
		}
		seen = len(records)
		left := time.Until(deadline)
		if left <= 0 {
			l.tb.Fatalf("kernel log: no record %q within %v, but these %d: %+v", text, timeout, seen, records)
		}
		poll := []unix.PollFd{{Fd: int32(l.fd), Events: unix.POLLIN}}
		if _, err := unix.Poll(poll, int(min(left, maxPoll).Milliseconds())+1); err != nil && !errors.Is(err, unix.EINTR) {
			l.tb.Fatalf("wait for kernel log: %v", err)
		}
	}
}
