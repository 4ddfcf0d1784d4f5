package pid1

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/internal/inside"
	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// kernelLog copies the kernel log to the host, from its first record.
type kernelLog struct {
	out  *wire.Writer
	file blockingFile

	mu    sync.Mutex
	moved sync.Cond // seen or ended has changed
	marks uint64    // written by Sync
	seen  uint64    // the last mark that was read back
	ended bool      // no more records are read
	lost  bool      // records were overwritten before they were read
}

// streamKernelLog starts to copy the kernel log.
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
	buf := make([]byte, wire.MaxKernelLog)
	for {
		n, err := l.file.Read(buf)
		if errors.Is(err, unix.EPIPE) {
			// Records were overwritten before they were read, maybe with a
			// mark, for which Sync must not wait.
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

// add sends lines as records that the kernel logs now. They come from a file of the kernel,
// which does not log them itself.
func (l *kernelLog) add(text string) error {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return fmt.Errorf("read clock: %w", err)
	}
	for line := range strings.SplitSeq(text, "\n") {
		record := fmt.Appendf(nil, "4,0,%d,-;%s\n", now.Nano()/1000, line)
		if err := l.out.Write(wire.KernelLog, record[:min(len(record), wire.MaxKernelLog)]); err != nil {
			return err
		}
	}
	return nil
}

// markText is the line that Sync writes into the log.
const markText = "kmodtest: kernel log read up to mark "

// note makes a change that Sync waits for.
func (l *kernelLog) note(change func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change()
	l.moved.Broadcast()
}

// Sync returns when all records that the kernel logged before the call have been
// written to the channel. lost reports whether records were overwritten before they
// were read since the last call.
func (l *kernelLog) Sync() (lost bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.marks++
	mark := l.marks
	// Without its newline the record would stay open, and could not be read,
	// until the next one.
	if _, err := fmt.Fprintf(l.file, "<7>%s%d\n", markText, mark); err != nil {
		return false, fmt.Errorf("mark kernel log: %w", err)
	}
	for l.seen < mark && !l.ended {
		l.moved.Wait()
	}
	if l.seen < mark {
		return false, errors.New("read the kernel log: it has ended")
	}
	lost, l.lost = l.lost, false
	return lost, nil
}

// parseMark returns the number of a line that Sync wrote. ok is false for all other
// records of /dev/kmsg.
func parseMark(record []byte) (mark uint64, ok bool) {
	_, text, found := bytes.Cut(record, []byte(";"+markText))
	if !found {
		return 0, false
	}
	_, err := fmt.Sscanf(string(text), "%d", &mark)
	return mark, err == nil
}
