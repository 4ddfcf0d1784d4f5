package testoutput

import (
	"bytes"
	"strings"

	"github.com/kmodtest/kmodtest/harness/internal/inside"
)

// marker stands before each line of a test binary's standard output that reports
// an event of a test; see package events. Tests print the other lines.
const marker = inside.EventMarker

// item is a piece of a test binary's standard output.
type item struct {
	// what is the first word of a line that reports an event, such as
	// "=== RUN"; "" for output of tests, "log" for lines that they log, and
	// maybeRun for a line that is one or the other.
	what string
	text string // the rest of the line, without its end; or all of it
}

// leads are the beginnings of lines after a marker.
var leads = []string{
	"=== RUN   ", "=== PAUSE ", "=== CONT  ", "=== NAME  ", "=== ATTR  ", "=== ARTIFACTS ",
	"--- PASS: ", "--- FAIL: ", "--- SKIP: ", ">>> ", "<<< ", logLead,
}

// firstLine begins the line that the testing package prints with -test.v before
// its output goes through package events.
const firstLine = "=== RUN   "

// maybeRun is an item's what for such a line: without a marker, it may be output of a
// program that a test has started. What follows decides.
const maybeRun = "maybe === RUN"

// maxLine is how long, in bytes, a line that reports an event may be. A longer one
// is output of a test.
const maxLine = 1 << 20

// itemizer splits a stream into items.
type itemizer struct {
	items   []item // complete, and not yet taken by the user of the itemizer
	size    int    // what they take, in bytes
	verbose bool   // a line of the testing package may come without a marker
	foreign bool   // logs have no markers, and all lines of the testing package have one
	rest    []byte
	inner   bool // the last byte did not end a line
}

// write adds the next bytes of the stream.
func (z *itemizer) write(p []byte) {
	z.rest = append(z.rest, p...)
	for len(z.rest) > 0 {
		i, n := z.next()
		if n == 0 {
			return
		}
		z.inner = z.rest[n-1] != '\n'
		z.rest = z.rest[n:]
		z.add(i)
	}
	z.rest = nil
}

// size is what an item takes, in bytes: many are short.
func (i item) size() int { return len(i.text) + 64 }

func (z *itemizer) add(i item) {
	z.items = append(z.items, i)
	z.size += i.size()
}

// take removes the first item.
func (z *itemizer) take() {
	z.size -= z.items[0].size()
	z.items = z.items[1:]
	if len(z.items) == 0 {
		z.items, z.size = nil, 0
	}
}

// end ends the stream: its rest is an item, too.
func (z *itemizer) end() {
	if len(z.rest) > 0 {
		z.add(item{text: string(z.rest)})
	}
	z.rest, z.inner = nil, false
}

// next returns the first item and its length in bytes, which is 0 if the item is
// not complete yet.
func (z *itemizer) next() (item, int) {
	if z.rest[0] == marker[0] {
		return z.marked()
	}
	end := bytes.IndexByte(z.rest, marker[0])
	if end < 0 {
		end = len(z.rest)
	}
	text := z.rest[:end]
	if z.foreign {
		return z.plain(end)
	}
	if !z.verbose {
		return item{text: string(text)}, end
	}
	if !z.inner && mayBegin(text, firstLine) {
		i := bytes.IndexByte(text, '\n')
		if i < 0 && end == len(z.rest) && end <= maxLine {
			return item{}, 0
		}
		if i >= 0 {
			return item{what: maybeRun, text: string(text[len(firstLine):i])}, i + 1
		}
	}
	if i := bytes.IndexByte(text, '\n'); i >= 0 {
		return item{text: string(text[:i+1])}, i + 1
	}
	return item{text: string(text)}, end
}

// marked is next for a stream that begins with a marker.
func (z *itemizer) marked() (item, int) {
	line := z.rest[1:]
	for _, lead := range leads {
		if !mayBegin(line, lead) {
			continue
		}
		end := bytes.IndexByte(line, '\n')
		if z.interrupted(line, end) {
			break
		}
		if end < 0 && len(line) <= maxLine {
			return item{}, 0
		}
		if end < 0 || end > maxLine {
			break
		}
		if lead == logLead {
			return item{what: "log", text: string(line[:end])}, end + 2
		}
		return item{what: strings.TrimRight(lead, " :"), text: string(line[len(lead):end])}, end + 2
	}
	if end := bytes.IndexByte(line, '\n'); z.foreign && end >= 0 && end <= maxLine && !z.interrupted(line, end) {
		return item{what: "line", text: string(line[:end+1])}, end + 2
	}
	return item{text: marker}, 1 // printed by a test
}

// interrupted reports whether an event begins within a line, which ends at end, or at -1
// if its end has not come. A test has printed the beginning of such a line. The log of a
// test may contain markers that begin no event.
func (z *itemizer) interrupted(line []byte, end int) bool {
	if end >= 0 {
		line = line[:end+1]
	}
	for {
		i := bytes.IndexByte(line, marker[0])
		if i < 0 {
			return false
		}
		line = line[i+1:]
		for _, lead := range leads {
			if lead != logLead && bytes.HasPrefix(line, []byte(lead)) {
				return true
			}
		}
	}
}

// logLead begins the lines of a test's log.
const logLead = "    "

// plain is next for a foreign stream that begins with text without a marker up to end: a
// whole line that begins as a log does is one.
func (z *itemizer) plain(end int) (item, int) {
	text := z.rest[:end]
	i := bytes.IndexByte(text, '\n')
	if !z.inner && mayBegin(text, logLead) {
		if i < 0 && end == len(z.rest) && end <= maxLine {
			return item{}, 0
		}
		if i >= 0 && len(text) >= len(logLead) {
			return item{what: "log", text: string(text[:i])}, i + 1
		}
	}
	if i >= 0 {
		return item{text: string(text[:i+1])}, i + 1
	}
	return item{text: string(text)}, end
}

// mayBegin reports whether text begins with lead, or may do so when more of it
// has come.
func mayBegin(text []byte, lead string) bool {
	n := min(len(text), len(lead))
	return string(text[:n]) == lead[:n]
}
