package host

import (
	"bytes"
	"io"
	"strings"
)

// lastWord passes on a test binary's output, but holds back the line PASS at
// its end, and what follows it, until the verdict is known: the testing package
// prints it before the kernel has been checked.
type lastWord struct {
	w    io.Writer
	held []byte
	open bool // the last byte that was passed on did not end a line
	both bool // FAIL is held back, too
}

// afterPass starts a line that the testing package may print behind PASS.
var afterPass = []byte("coverage: ")

// Write passes on what is not the end. It never fails for what it holds.
func (l *lastWord) Write(p []byte) (int, error) {
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

// free returns how many bytes at the front of held can not be part of the end.
func (l *lastWord) free() int {
	start := 0
	if l.open {
		start = bytes.IndexByte(l.held, '\n') + 1
		if start == 0 {
			return len(l.held)
		}
	}
	for start < len(l.held) {
		if l.mayBeEnd(l.held[start:]) {
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

// mayBeEnd tells whether p is, or is the beginning of, a line PASS and at most
// what the testing package prints after it. With -test.v=test2json the line
// starts with a SYN.
func (l *lastWord) mayBeEnd(p []byte) bool {
	p = bytes.TrimPrefix(p, []byte{0x16})
	return endsWith(p, "PASS\n") || l.both && endsWith(p, "FAIL\n")
}

func endsWith(p []byte, word string) bool {
	if len(p) <= len(word) {
		return strings.HasPrefix(word, string(p))
	}
	rest, ok := bytes.CutPrefix(p, []byte(word))
	n := min(len(rest), len(afterPass))
	return ok && bytes.Equal(rest[:n], afterPass[:n])
}

// take returns what is held, which is then no longer.
func (l *lastWord) take() []byte {
	held := l.held
	l.held = nil
	return held
}

// finish passes on what is held, with PASS turned into FAIL unless the run
// passed.
func (l *lastWord) finish(passed bool) error {
	if !passed {
		l.held = bytes.Replace(l.held, []byte("PASS\n"), []byte("FAIL\n"), 1)
	}
	_, err := l.w.Write(l.held)
	l.held = nil
	return err
}
