package pid1

import (
	"bytes"
	"errors"
	"fmt"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// kernelLog streams the kernel's log to the host, from the first line on.
type kernelLog struct {
	out  *wire.Writer
	file blockingFile

	marks  atomic.Uint64
	passed chan uint64 // marks that the stream has passed
}

// maxRecord is the longest record that /dev/kmsg hands out, in bytes
// (PRINTK_MESSAGE_MAX, 2048 since Linux 6.3; CONSOLE_EXT_LOG_MAX, 8192 before).
const maxRecord = 8192

func streamKernelLog(out *wire.Writer) (*kernelLog, error) {
	fd, err := unix.Open("/dev/kmsg", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open kernel log: %w", err)
	}
	l := &kernelLog{out: out, file: blockingFile(fd), passed: make(chan uint64, 16)}
	go l.copy()
	return l, nil
}

func (l *kernelLog) copy() {
	buf := make([]byte, maxRecord)
	for {
		n, err := l.file.Read(buf)
		if errors.Is(err, unix.EPIPE) {
			continue // overwritten before it was read; the sequence numbers show the gap
		}
		if err != nil {
			return
		}
		if mark, ok := parseMark(buf[:n]); ok {
			l.passed <- mark
			continue
		}
		if err := l.out.Write(wire.KernelLog, buf[:n]); err != nil {
			return
		}
	}
}

// markText is the line that Sync writes into the log.
const markText = "kmodtest: kernel log read up to mark "

// Sync returns when all that the kernel logged before the call is on its way
// to the host.
func (l *kernelLog) Sync() error {
	mark := l.marks.Add(1)
	// Without its newline the record would stay open, and unread, until the
	// next one.
	if _, err := fmt.Fprintf(l.file, "<7>%s%d\n", markText, mark); err != nil {
		return fmt.Errorf("mark kernel log: %w", err)
	}
	for seen := range l.passed {
		if seen >= mark {
			break
		}
	}
	return nil
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
