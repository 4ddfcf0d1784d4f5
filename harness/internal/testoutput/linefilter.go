package testoutput

import (
	"bytes"
	"io"
	"slices"
	"strings"
)

// LineFilter passes text on, but leaves out one line for each call of Drop. It
// holds back the beginning of a line only as long as it may have to leave out the
// line.
type LineFilter struct {
	w     io.Writer
	drops []string // beginnings of lines, each of which is left out once
	held  []byte   // the beginning of a line that may be left out
	inner bool     // the last byte that was passed on did not end a line
	skip  bool     // the rest of this line is left out
}

// NewLineFilter returns a LineFilter that passes text on to w.
func NewLineFilter(w io.Writer) *LineFilter { return &LineFilter{w: w} }

// Drop leaves out the next line with that beginning.
func (f *LineFilter) Drop(beginning string) { f.drops = append(f.drops, beginning) }

// Write passes on what is not left out.
func (f *LineFilter) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		line := rest
		if i := bytes.IndexByte(rest, '\n'); i >= 0 {
			line = rest[:i+1]
		}
		rest = rest[len(line):]
		if err := f.piece(line); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

// piece takes a line, or a part of one.
func (f *LineFilter) piece(p []byte) error {
	ends := p[len(p)-1] == '\n'
	if f.skip {
		f.skip = !ends
		return nil
	}
	if !f.inner {
		f.held = append(f.held, p...)
		i, maybe := f.match(strings.TrimPrefix(string(f.held), marker))
		if i >= 0 {
			f.drops = slices.Delete(f.drops, i, i+1)
			f.held, f.skip = nil, !ends
			return nil
		}
		if maybe && !ends {
			return nil
		}
		p, f.held = f.held, nil
	}
	f.inner = !ends
	_, err := f.w.Write(p)
	return err
}

// match returns which of drops text begins with, or -1. maybe reports whether text
// could still begin with one when it gets longer.
func (f *LineFilter) match(text string) (which int, maybe bool) {
	for i, beginning := range f.drops {
		if strings.HasPrefix(text, beginning) {
			return i, false
		}
		maybe = maybe || strings.HasPrefix(beginning, text)
	}
	return -1, maybe
}

// Flush passes on what is held back.
func (f *LineFilter) Flush() error {
	_, err := f.w.Write(f.held)
	f.held = nil
	return err
}
