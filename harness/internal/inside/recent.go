package inside

import (
	"errors"
	"strings"

	"golang.org/x/sys/unix"
)

// recentLog reads what the kernel log gets, without waiting for more.
type recentLog struct {
	fd      int
	record  []byte // the last one
	changed bool   // there is news, whatever can be read
}

// longestRecord is the length in bytes of the longest record that /dev/kmsg returns: CONSOLE_EXT_LOG_MAX
// before Linux 6.3.
const longestRecord = 8192

// maxSkipped is how many records are read to find the end of those that a mark follows. If the log
// grows faster, the mark that comes next is on the console.
const maxSkipped = 256

// openRecent opens the log at its end.
func openRecent(path string) (*recentLog, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	if _, err := unix.Seek(fd, 0, unix.SEEK_END); err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	return &recentLog{fd: fd, record: make([]byte, longestRecord)}, nil
}

func (l *recentLog) close() {
	if l != nil {
		_ = unix.Close(l.fd)
	}
}

// next reads the next record. At the end of the log it returns "".
func (l *recentLog) next() string {
	for {
		n, err := unix.Read(l.fd, l.record[:longestRecord])
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EPIPE): // records were overwritten before they were read
			l.changed = true
		case err != nil && !errors.Is(err, unix.EAGAIN): // a test has closed the file
			l.changed = true
			return ""
		default:
			return string(l.record[:max(n, 0)])
		}
	}
}

// matters reports whether a record belongs between two marks: it is of the kernel, or a mark of
// another process.
func matters(record, word string) bool {
	priority, _, _ := strings.Cut(record, ",")
	return len(priority) == 1 || strings.Contains(record, word) // facility 0, the kernel's: priorities 0 to 7
}

// hasNews reports whether the log has got a record that matters since the last mark.
func (l *recentLog) hasNews(word string) bool {
	for range maxSkipped {
		if l.changed {
			break
		}
		record := l.next()
		if record == "" {
			break
		}
		l.changed = matters(record, word)
	}
	news := l.changed
	l.changed = false
	return news
}

// skip reads up to the mark with that end. It reports whether nothing that matters came before.
func (l *recentLog) skip(end, word string) bool {
	alone := true
	for range maxSkipped {
		record := l.next()
		switch {
		case record == "": // it was overwritten, or cannot be read
			l.changed = true
			return false
		case strings.Contains(record, end):
			return alone && !l.changed
		}
		alone = alone && !matters(record, word)
	}
	_, _ = unix.Seek(l.fd, 0, unix.SEEK_END)
	l.changed = true
	return false
}
