package host

import (
	"bytes"
	"strings"
)

// marker stands before each line of a test binary's standard output that tells
// of tests; see package events. Others are what tests print.
const marker = "\x16"

// item is a piece of a test binary's standard output.
type item struct {
	// what is the first word of a line that tells of tests, such as "=== RUN";
	// "" for what tests print, and "log" for what they log.
	what string
	text string // what stands behind it, without the line's end; or all of it
}

// leads are the beginnings of lines behind a marker.
var leads = []string{
	"=== RUN   ", "=== PAUSE ", "=== CONT  ", "=== NAME  ", "=== ATTR  ", "=== ARTIFACTS ",
	"--- PASS: ", "--- FAIL: ", "--- SKIP: ", ">>> ", "<<< ", "    ",
}

// first is the line that a testing package with -test.v prints before its output
// goes through package events.
const first = "=== RUN   "

// itemizer takes a stream apart.
type itemizer struct {
	verbose bool // a line of the testing package may come without a marker
	rest    []byte
	inner   bool // the last byte did not end a line
}

// write takes the next bytes, and hands on the items that are whole.
func (z *itemizer) write(p []byte, take func(item) error) error {
	z.rest = append(z.rest, p...)
	for len(z.rest) > 0 {
		i, n := z.next()
		if n == 0 {
			return nil
		}
		z.inner = z.rest[n-1] != '\n'
		z.rest = z.rest[n:]
		if err := take(i); err != nil {
			return err
		}
	}
	z.rest = nil
	return nil
}

// flush hands on what is left, which is no whole item.
func (z *itemizer) flush(take func(item) error) error {
	text := string(z.rest)
	z.rest, z.inner = nil, false
	if text == "" {
		return nil
	}
	return take(item{text: text})
}

// next returns the item at the front, and its length, which is 0 when more must
// come first.
func (z *itemizer) next() (item, int) {
	if z.rest[0] == marker[0] {
		return z.marked()
	}
	end := bytes.IndexByte(z.rest, marker[0])
	if end < 0 {
		end = len(z.rest)
	}
	text := z.rest[:end]
	if !z.verbose {
		return item{text: string(text)}, end
	}
	if !z.inner && mayBegin(text, first) {
		i := bytes.IndexByte(text, '\n')
		if i < 0 && end == len(z.rest) {
			return item{}, 0
		}
		if i >= 0 {
			return item{what: "=== RUN", text: string(text[len(first):i])}, i + 1
		}
	}
	if i := bytes.IndexByte(text, '\n'); i >= 0 {
		return item{text: string(text[:i+1])}, i + 1
	}
	return item{text: string(text)}, end
}

// marked is next behind a marker.
func (z *itemizer) marked() (item, int) {
	line := z.rest[1:]
	for _, lead := range leads {
		if !mayBegin(line, lead) {
			continue
		}
		end := bytes.IndexByte(line, '\n')
		if end < 0 {
			return item{}, 0
		}
		if lead == "    " {
			return item{what: "log", text: string(line[:end])}, end + 2
		}
		return item{what: strings.TrimRight(lead, " :"), text: string(line[len(lead):end])}, end + 2
	}
	return item{text: marker}, 1 // somebody else's
}

// mayBegin tells whether text begins with lead, or may when there is more of it.
func mayBegin(text []byte, lead string) bool {
	n := min(len(text), len(lead))
	return string(text[:n]) == lead[:n]
}
