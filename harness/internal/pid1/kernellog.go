package pid1

import (
	"bytes"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/internal/inside"
	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// kernelLog streams the kernel's log to the host, from the first line on.
type kernelLog struct {
	out  *wire.Writer
	file blockingFile

	mu    sync.Mutex
	moved sync.Cond // seen or ended has changed
	marks uint64    // written by Sync
	seen  uint64    // the last mark that the stream has passed
	ended bool      // the stream can not go on
	lost  bool      // the log has overrun before it was read
}

// maxRecord is the longest record that /dev/kmsg hands out, in bytes
// (PRINTK_MESSAGE_MAX, 2048 since Linux 6.3; CONSOLE_EXT_LOG_MAX, 8192 before).
const maxRecord = 8192

func streamKernelLog(out *wire.Writer) (*kernelLog, error) {
	fd, err := unix.Open(inside.KernelLog, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open kernel log: %w", err)
	}
	l := &kernelLog{out: out, file: blockingFile(fd)}
	l.moved.L = &l.mu
	go l.copy()
	return l, nil
}

func (l *kernelLog) copy() {
	defer l.note(func() { l.ended = true })
	buf := make([]byte, maxRecord)
	for {
		n, err := l.file.Read(buf)
		if errors.Is(err, unix.EPIPE) {
			// Overwritten before it was read, and a mark perhaps with it:
			// nobody is to wait for that.
			l.note(func() { l.lost, l.seen = true, l.marks })
			continue
		}
		if err != nil {
			return
		}
		if mark, ok := parseMark(buf[:n]); ok {
			l.note(func() { l.seen = max(l.seen, mark) })
			continue
		}
		if err := l.out.Write(wire.KernelLog, buf[:n]); err != nil {
			return
		}
	}
}

// markText is the line that Sync writes into the log.
const markText = "kmodtest: kernel log read up to mark "

// note changes what Sync waits for.
func (l *kernelLog) note(change func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change()
	l.moved.Broadcast()
}

// Sync returns when all that the kernel logged before the call is on its way
// to the host. It tells whether some of it was lost since the last call, since
// the kernel logged faster than its log was read.
func (l *kernelLog) Sync() (lost bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.marks++
	mark := l.marks
	// Without its newline the record would stay open, and unread, until the
	// next one.
	if _, err := fmt.Fprintf(l.file, "<7>%s%d\n", markText, mark); err != nil {
		return false, fmt.Errorf("mark kernel log: %w", err)
	}
	for l.seen < mark && !l.ended {
		l.moved.Wait()
	}
	if l.seen < mark {
		return false, errors.New("the stream of the kernel's log has ended")
	}
	lost, l.lost = l.lost, false
	return lost, nil
}

// parseMark tells whether a record of /dev/kmsg is a line of Sync's.
func parseMark(record []byte) (mark uint64, ok bool) {
	_, text, found := bytes.Cut(record, []byte(";"+markText))
	if !found {
		return 0, false
	}
	_, err := fmt.Sscanf(string(text), "%d", &mark)
	return mark, err == nil
}
