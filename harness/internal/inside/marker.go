package inside

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"
)

// Marker writes marks. Several goroutines may call its methods at the same time.
type Marker struct {
	mu     sync.Mutex
	log    *os.File
	word   string
	number uint64
	// coverage is CoverageFile; nil if coverage is not measured.
	coverage *os.File
	// recent is what the log has got since the last mark; nil until the host has been told of one.
	recent *recentLog
}

// CoverageFile takes marks of top-level tests, and keeps what the modules have counted
// before each. It exists if their coverage is measured: package modcov has its module.
const CoverageFile = "/sys/module/kmodtest_coverage/parameters/mark"

// KernelLog is the path of the kernel log.
const KernelLog = "/dev/kmsg"

// NewMarker opens the log at path, usually KernelLog. The marks end with word.
func NewMarker(path, word string) (*Marker, error) {
	log, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return nil, err
	}
	m := &Marker{log: log, word: word}
	m.coverage, err = os.OpenFile(CoverageFile, os.O_WRONLY, 0)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		log.Close()
		return nil, err
	}
	return m, nil
}

// Close closes the log.
func (m *Marker) Close() error {
	m.recent.close()
	m.coverage.Close()
	return m.log.Close()
}

// Count writes a mark of a test with the next number, and returns the number. All that
// the kernel logs after the call follows the mark. Before, Count calls tell with the number and the
// mark's line, one call at a time, in the order of the numbers; tell reports whether the host has got
// the line. If so, the mark is on the console only if the log has got something since the last one: a
// console takes half a millisecond for a line, and the host knows the marks that the console lacks.
func (m *Marker) Count(tell func(number uint64, line string) bool, verb, name string, words ...string) (uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.number++
	mark := Mark{Verb: verb, Words: append([]string{MarkedName(name)}, words...), Number: m.number}
	line, err := m.line(mark)
	if err != nil {
		return 0, err
	}
	told := tell(m.number, line)
	if m.coverage != nil && !strings.Contains(name, "/") {
		if _, err := m.coverage.WriteString(mark.String() + " -\n"); err != nil {
			return 0, err
		}
	}
	if !told {
		return m.number, m.write(onConsole, line)
	}
	return m.number, m.writeQuietly(line, fmt.Sprintf(" #%d %s", m.number, m.word))
}

// Write writes a mark without a number.
func (m *Marker) Write(verb string, words ...string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	line, err := m.line(Mark{Verb: verb, Words: words})
	if err != nil {
		return err
	}
	return m.write(onConsole, line)
}

// line returns the line of a mark.
func (m *Marker) line(mark Mark) (string, error) {
	line := mark.String() + " " + m.word
	if strings.Contains(line, "\n") {
		return "", errors.New("a mark cannot have a second line")
	}
	return line, nil
}

// Levels of marks. The console shows errors, in case the kernel dies before its log can be read.
const (
	onConsole = "<3>"
	inLog     = "<7>"
)

func (m *Marker) write(level, line string) error {
	_, err := m.log.WriteString(level + line + "\n")
	return err
}

// writeQuietly writes a mark that ends with end, to the console only if it needs it: so that each
// record on the console is followed by the mark that comes after it.
func (m *Marker) writeQuietly(line, end string) error {
	if m.recent == nil {
		var err error
		if m.recent, err = openRecent(m.log.Name()); err != nil {
			return m.write(onConsole, line)
		}
		m.recent.changed = true // before the first mark
	}
	if m.recent.hasNews(m.word) {
		if err := m.write(onConsole, line); err != nil {
			return err
		}
		m.recent.skip(end, m.word)
		return nil
	}
	if err := m.write(inLog, line); err != nil {
		return err
	}
	if m.recent.skip(end, m.word) {
		return nil
	}
	err := m.write(onConsole, line) // something came between; the host takes a number once
	m.recent.skip(end, m.word)
	return err
}
