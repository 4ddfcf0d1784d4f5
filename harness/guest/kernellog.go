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

// maxRecord is more than the longest record of /dev/kmsg in bytes; read(2) with a
// shorter buffer than the record fails with EINVAL.
const maxRecord = 16 << 10

// maxPoll is the longest time of one poll(2): /dev/kmsg does not wake up a reader if a
// record is logged while the reader goes to sleep.
const maxPoll = 100 * time.Millisecond

// A Record is one message of the kernel log.
type Record struct {
	Facility int    // 0 for messages of the kernel; others are written to /dev/kmsg by user space
	Level    int    // 0 (emergency) to 7 (debug); 6 is info
	Text     string // the original bytes, without time, prefix and final newline
}

// A KernelLog has the records of the kernel log since WatchKernelLog. Only one goroutine
// may use it.
type KernelLog struct {
	tb      testing.TB
	fd      int
	records []Record
}

// WatchKernelLog starts to watch the kernel log. Earlier records are not returned. A
// message that a system call logs can be read as soon as the call has returned, unless
// it has no newline at its end: the kernel then holds it back until the next message.
// Cleanup ends the watch.
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

// Records returns all records since WatchKernelLog, except the marks with which the
// harness records where tests begin and end. It fails the test if the kernel overwrote
// records before they could be read. Each call returns all records again; the caller
// must not change the slice.
func (l *KernelLog) Records() []Record {
	l.tb.Helper()
	for _, r := range l.next() {
		l.records = append(l.records, Record{Facility: r.Facility, Level: r.Level, Text: inside.Unescape(r.Text)})
	}
	return l.records
}

// next returns the records since the last call, without marks.
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

// WaitFor waits for a record with exactly this text and returns the first one since
// WatchKernelLog. It ends the test if no such line comes within timeout.
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
			l.tb.Fatalf("kernel log: no record %q within %v; it has %d records: %+v", text, timeout, seen, records)
		}
		poll := []unix.PollFd{{Fd: int32(l.fd), Events: unix.POLLIN}}
		if _, err := unix.Poll(poll, int(min(left, maxPoll).Milliseconds())+1); err != nil && !errors.Is(err, unix.EINTR) {
			l.tb.Fatalf("wait for kernel log: %v", err)
		}
	}
}
