package testoutput

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"strings"
)

// PassLine passes on a test binary's output, but holds back the line PASS or FAIL
// at its end, and the line about coverage after it, until the verdict is known: the
// testing package prints them before the kernel has been checked.
type PassLine struct {
	w    io.Writer
	held []byte
	open bool // the last byte that was passed on did not end a line
}

// NewPassLine returns a PassLine that passes output on to w.
func NewPassLine(w io.Writer) *PassLine { return &PassLine{w: w} }

// coverage starts a line that the testing package may print after PASS.
var coverage = []byte("coverage: ")

// Write passes on everything that cannot be the final lines. It returns an error
// only for output that it passes on.
func (l *PassLine) Write(p []byte) (int, error) {
	l.held = append(l.held, p...)
	for len(l.held) > 0 {
		n := l.free()
		if n == 0 {
			break
		}
		if _, err := l.w.Write(l.held[:n]); err != nil {
			return 0, err
		}
		l.open = l.held[n-1] != '\n'
		l.held = append(l.held[:0], l.held[n:]...)
	}
	return len(p), nil
}

// free returns how many bytes at the front of held cannot be part of the end.
func (l *PassLine) free() int {
	start := 0
	if l.open {
		start = bytes.IndexByte(l.held, '\n') + 1
		if start == 0 {
			return len(l.held)
		}
	}
	for start < len(l.held) {
		if mayBeEnd(l.held[start:]) {
			return start
		}
		next := bytes.IndexByte(l.held[start:], '\n')
		if next < 0 {
			return len(l.held)
		}
		start += next + 1
	}
	return len(l.held)
}

// mayBeEnd reports whether p is, or begins, a line PASS or FAIL and at most the
// line that the testing package prints after it. With -test.v=test2json the
// line starts with the marker.
func mayBeEnd(p []byte) bool {
	p = bytes.TrimPrefix(p, []byte(marker))
	return endsWith(p, "PASS\n") || endsWith(p, "FAIL\n")
}

// maxCoverageLine is how long the line about coverage may be, in bytes. It names the
// packages of -coverpkg.
const maxCoverageLine = 64 << 10

func endsWith(p []byte, word string) bool {
	if len(p) <= len(word) {
		return strings.HasPrefix(word, string(p))
	}
	rest, ok := bytes.CutPrefix(p, []byte(word))
	if !ok {
		return false
	}
	n := min(len(rest), len(coverage))
	if !bytes.Equal(rest[:n], coverage[:n]) || len(rest) > maxCoverageLine {
		return false
	}
	end := bytes.IndexByte(rest, '\n')
	return end < 0 || end == len(rest)-1 // nothing follows the line
}

// Take returns what is held back, and forgets it.
func (l *PassLine) Take() []byte {
	held := l.held
	l.held = nil
	return held
}

// coverageLine matches the testing package's line about coverage.
var coverageLine = regexp.MustCompile(`(?m)^coverage: [0-9.]+% of statements`)

// FinalLines returns the last lines of a run: held is what a PassLine held back
// at the end of one of its test binaries, and covered the share of all statements
// that ran in percent, or below 0 if it is unknown.
func FinalLines(held []byte, passed bool, covered float64) []byte {
	word := []byte("FAIL\n")
	if passed {
		word = []byte("PASS\n")
	}
	mark, _, _ := bytes.Cut(held, []byte("PASS\n"))
	if m, _, failed := bytes.Cut(held, []byte("FAIL\n")); failed {
		mark = m
	}
	_, rest, _ := bytes.Cut(held, []byte("\n"))
	if len(held) == 0 {
		mark = nil
	}
	if covered >= 0 {
		rest = coverageLine.ReplaceAll(rest, fmt.Appendf(nil, "coverage: %.1f%% of statements", covered))
	}
	return append(append(bytes.Clone(mark), word...), rest...)
}

// Finish passes on what is held back, with PASS turned into FAIL unless the run
// passed.
func (l *PassLine) Finish(passed bool) error {
	held := l.Take()
	if !passed {
		held = bytes.Replace(held, []byte("PASS\n"), []byte("FAIL\n"), 1)
	}
	_, err := l.w.Write(held)
	return err
}
