package pid1

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/internal/inside"
	"github.com/kmodtest/kmodtest/harness/internal/system"
	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// kernelLog copies the kernel log to the host, from its first record.
type kernelLog struct {
	out  *wire.Writer
	file system.File

	mu    sync.Mutex
	moved sync.Cond // seen or ended has changed
	marks uint64    // written by Sync
	seen  uint64    // the last mark that was read back
	ended bool      // no more records are read
	lost  bool      // records were overwritten before they were read

	hurry chan struct{} // ends the wait for more marks
}

// streamKernelLog starts to copy the kernel log.
func streamKernelLog(out *wire.Writer) (*kernelLog, error) {
	fd, err := unix.Open(inside.KernelLog, unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open kernel log: %w", err)
	}
	l := &kernelLog{out: out, file: system.File(fd), hurry: make(chan struct{}, 1)}
	l.moved.L = &l.mu
	go l.copy()
	return l, nil
}

func (l *kernelLog) copy() {
	defer l.note(func() { l.ended = true })
	buf := make([]byte, wire.MaxKernelLog)
	waiting := batch{idle: true}
	for {
		n, err := l.file.Read(buf)
		if errors.Is(err, unix.EPIPE) {
			// Records were overwritten before they were read, maybe with a
			// mark, for which Sync must not wait.
			l.note(func() { l.lost, l.seen = true, l.marks })
			continue
		}
		if err != nil {
			_ = waiting.send(l.out) // the log ends in any case
			return
		}
		mark, isSync := parseMark(buf[:n])
		if !isSync {
			waiting.add(buf[:n])
			if !waiting.full() && l.hasMore(waiting.idle) {
				continue
			}
		}
		if err := waiting.send(l.out); err != nil {
			return
		}
		waiting = batch{idle: true}
		if isSync {
			l.note(func() { l.seen = max(l.seen, mark) })
		}
	}
}

// company is how long marks of tests wait for more records. To send one record costs more than to
// write it, and short tests write hundreds of marks a second.
const company = 10 * time.Millisecond

// hasMore reports whether there is another record now or, if idle is true, soon.
func (l *kernelLog) hasMore(idle bool) bool {
	for range 2 {
		ready := []unix.PollFd{{Fd: int32(l.file), Events: unix.POLLIN}}
		if n, err := unix.Poll(ready, 0); err != nil || n > 0 {
			return err == nil
		}
		if !idle {
			return false
		}
		select {
		case <-l.hurry:
		case <-time.After(company):
		}
		idle = false
	}
	return false
}

// batch is records that go to the host together.
type batch struct {
	records [][]byte
	size    int
	idle    bool // none is of the kernel
}

func (b *batch) add(record []byte) {
	b.records = append(b.records, bytes.Clone(record))
	b.size += len(record) + recordHead
	priority, _, _ := bytes.Cut(record, []byte(","))
	b.idle = b.idle && len(priority) > 1 // 0 to 7 are those of the kernel
}

func (b *batch) send(out *wire.Writer) error {
	if len(b.records) == 0 {
		return nil
	}
	return out.WriteEach(wire.KernelLog, b.records...)
}

// recordHead is at least what package wire adds to a record, in bytes.
const recordHead = 16

// full reports whether the batch may not fit into a piece that the channel's driver sends as a whole
// if it gets another record.
func (b *batch) full() bool { return b.size+wire.MaxKernelLog+recordHead > inside.MaxRecord }

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
	select {
	case l.hurry <- struct{}{}:
	default:
	}
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
