package stdout

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/internal/inside"
	"github.com/kmodtest/kmodtest/harness/internal/system"
	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// Events follows the output of a test binary without our code that runs with
// -test.v=test2json. For each event that the testing package prints it writes the mark
// that package events would write. It passes the output on, and adds the lines of package
// events that the testing package does not print: the numbers of top-level tests and of
// the marks of ends.
type Events struct {
	out   io.Writer
	marks *inside.Marker
	tell  func(mark string) bool // tells the host of a mark; reports whether it has got it

	held   []byte         // the beginning of a line after a marker
	open   map[string]int // tests that have begun and not ended, by name
	starts int            // of top-level tests
	last   string         // the last line PASS or FAIL of the testing package
}

// NewEvents returns the events of a test binary whose output goes to out.
func NewEvents(out *wire.Writer, marks *inside.Marker) *Events {
	tell := func(mark string) bool { return out.Write(wire.Mark, []byte(mark)) == nil }
	return &Events{out: out.Stream(wire.Stdout), marks: marks, tell: tell, open: map[string]int{}}
}

// Open returns the test binary's standard output, which a goroutine of running copies.
func (s *Events) Open(running *sync.WaitGroup) (*os.File, error) {
	return open(running, unix.O_DIRECT, s.copy)
}

// maxEvent is how long, in bytes, a line that reports an event may be. A longer one is
// output of a test.
const maxEvent = 64 << 10

// copy copies a pipe that holds a single write, until it ends. A write that may report an
// event stays there until its marks are written, so the next one waits. Others are removed at
// once, and go to the host together.
func (s *Events) copy(pipe int, copies [2]int) error {
	plain := newSender(s.out)
	defer plain.close()
	buf := make([]byte, wire.MaxShared)
	for {
		piece, err := peek(pipe, copies, buf)
		if err == nil && len(piece) == 0 {
			_, err = plain.Write(s.held) // a line that does not end
			return errors.Join(err, plain.flush())
		}
		isPlain := len(s.held) == 0 && bytes.IndexByte(piece, inside.EventMarker[0]) < 0
		if err == nil && !isPlain {
			if err = plain.flush(); err == nil {
				_, err = s.Write(piece)
			}
		}
		if err == nil {
			_, err = io.ReadFull(system.File(pipe), piece)
		}
		if err == nil && isPlain {
			_, err = plain.Write(piece)
		}
		if err != nil {
			return err
		}
	}
}

// Write takes the next bytes of the output. It returns when their marks are written.
func (s *Events) Write(p []byte) (int, error) {
	data := append(s.held, p...)
	s.held = nil
	var out []byte
	for len(data) > 0 {
		at := bytes.IndexByte(data, inside.EventMarker[0])
		if at < 0 {
			out = append(out, data...)
			break
		}
		out, data = append(out, data[:at]...), data[at:]
		end := bytes.IndexByte(data, '\n')
		next := bytes.IndexByte(data[1:], inside.EventMarker[0]) + 1
		switch {
		case next > 0 && (end < 0 || next < end): // a test has printed the beginning of a line
			out, data = append(out, data[:next]...), data[next:]
		case end < 0 && len(data) <= maxEvent:
			s.held, data = data, nil
		case end < 0:
			out, data = append(out, data...), nil
		default:
			out = append(out, s.line(string(data[1:end]))...)
			data = data[end+1:]
		}
	}
	if len(out) == 0 {
		return len(p), nil
	}
	_, err := s.out.Write(out)
	return len(p), err
}

// line marks the event that a line reports, if any, and returns the lines to pass on.
func (s *Events) line(text string) string {
	line := inside.EventMarker + text + "\n"
	if text == "PASS" || text == "FAIL" {
		s.last = text
	}
	for _, v := range inside.EventLines {
		if name, ok := strings.CutPrefix(text, v.Line); ok {
			return s.event(v.Verb, strings.Trim(v.Line, "- :"), name, line)
		}
	}
	return line
}

func (s *Events) event(verb, result, name, line string) string {
	if verb != inside.MarkEnd {
		s.mark(verb, name)
		if verb != inside.MarkRun {
			return line
		}
		if !strings.HasPrefix(name, "Benchmark") { // they have no end
			s.open[name]++
		}
		if strings.HasPrefix(name, "Test") && !strings.Contains(name, "/") {
			line += inside.EventMarker + ">>> " + strconv.Itoa(s.starts) + " " + name + "\n"
			s.starts++
		}
		return line
	}
	took := "-"
	if i := strings.LastIndex(name, " ("); i >= 0 {
		name, took = name[:i], strings.Trim(name[i:], " ()")
	}
	s.open[name]--
	if s.open[name] <= 0 {
		delete(s.open, name)
	}
	if number := s.mark(verb, name, result, took); number != 0 {
		line = inside.EventMarker + "<<< " + strconv.FormatUint(number, 10) + "\n" + line
	}
	return line
}

// mark writes a mark and returns its number, or 0 if it could not be written: then a
// fault is not attributed to a test, but it still fails the run.
func (s *Events) mark(verb, name string, words ...string) uint64 {
	number, err := s.marks.Count(func(_ uint64, line string) bool { return s.tell(line) }, verb, name, words...)
	if err != nil {
		return 0
	}
	return number
}

// Finished reports whether the tests came to their end, if the binary exited with that
// code: the testing package has printed PASS, and no test was running. A code that is not 0
// fails the run in any case.
func (s *Events) Finished(code int) bool {
	if code != 0 {
		return s.last == "FAIL"
	}
	return s.last == "PASS" && len(s.open) == 0
}
