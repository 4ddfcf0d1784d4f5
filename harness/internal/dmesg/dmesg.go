// Package dmesg keeps the kernel log of a machine, and prints it as dmesg does.
package dmesg

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/kmodtest/kmodtest/harness/internal/inside"
	"github.com/kmodtest/kmodtest/harness/internal/klog"
	"github.com/kmodtest/kmodtest/harness/internal/timeline"
)

// Log is the kernel log of a machine. Its zero value is empty.
type Log struct {
	Boot        Records // before the guest's first process ran
	Tests       Records // from there on
	console     []klog.Record
	consoleRead bool
}

// Add adds a record. Those of the boot are not part of the timeline.
func (l *Log) Add(rec klog.Record, booting bool, t *timeline.Timeline) {
	if booting {
		l.Boot.add(rec)
		return
	}
	l.Tests.add(rec)
	t.Add(rec)
}

// AddConsole adds the records that only the console of a dead machine has. Later
// calls do nothing.
func (l *Log) AddConsole(console string, t *timeline.Timeline) {
	if l.consoleRead {
		return
	}
	l.consoleRead = true
	l.console = klog.Rest(slices.Concat(l.Boot.All(), l.Tests.All()), console)
	t.AddConsole(l.console)
}

// Write writes the whole log as dmesg prints it, without our marks.
func (l *Log) Write(w io.Writer) error {
	out := bufio.NewWriter(w)
	l.Boot.dmesg(out)
	l.Tests.dmesg(out)
	if len(l.console) > 0 {
		_, _ = out.WriteString("[… the rest is from the serial console …]\n")
		dmesg(out, l.console)
	}
	return out.Flush()
}

// TailLines is how much of the kernel log of a failing run is printed.
const TailLines = 200

// Tail returns the last TailLines lines since the guest's first process ran,
// without our marks.
func (l *Log) Tail() string {
	all := l.Tests.tail
	if len(all) < TailLines {
		all = l.Tests.All()
	}
	var lines []string // the last one first
	for _, rec := range slices.Backward(all) {
		if inside.IsMark(rec.Text) {
			continue
		}
		for _, line := range slices.Backward(strings.SplitAfter(rec.String()+"\n", "\n")) {
			if line != "" {
				lines = append(lines, line)
			}
		}
		if len(lines) >= TailLines {
			lines = lines[:TailLines]
			break
		}
	}
	slices.Reverse(lines)
	return strings.TrimRight(strings.Join(lines, ""), "\n")
}

// dmesg writes records without our marks. An error stays in out.
func dmesg(out *bufio.Writer, all []klog.Record) {
	for _, rec := range all {
		if !inside.IsMark(rec.Text) {
			_, _ = out.WriteString(rec.String() + "\n")
		}
	}
}

// Records keeps the beginning and the end of a log of any length. Its zero value is empty.
type Records struct {
	head, tail         []klog.Record
	headSize, tailSize int
	dropped            int
}

// recordsHalf is how many bytes of the beginning, and at least of the end, are
// kept.
const recordsHalf = 8 << 20

// size is what a record takes in bytes, in memory or printed: each line begins
// with its time, and a control character takes four bytes.
func size(rec klog.Record) int {
	const stamp, escape = 16, 3
	n := len(rec.Text) + len(rec.Caller) + 128
	for i := range len(rec.Text) {
		switch c := rec.Text[i]; {
		case c == '\n':
			n += stamp
		case c < ' ' || c > '~':
			n += escape
		}
	}
	return n
}

func (r *Records) add(rec klog.Record) {
	if r.headSize < recordsHalf {
		r.head = append(r.head, rec)
		r.headSize += size(rec)
		return
	}
	r.tail = append(r.tail, rec)
	r.tailSize += size(rec)
	for r.tailSize-size(r.tail[0]) >= recordsHalf {
		r.tailSize -= size(r.tail[0])
		r.tail = r.tail[1:]
		r.dropped++
	}
}

// RecordsOf returns a log with these records. It does not change the slice.
func RecordsOf(all []klog.Record) Records {
	r := Records{head: slices.Clip(all)}
	for _, rec := range all {
		r.headSize += size(rec)
	}
	return r
}

// All returns the records that are kept, in their order.
func (r *Records) All() []klog.Record { return slices.Concat(r.head, r.tail) }

// dmesg writes the log. An error stays in out.
func (r *Records) dmesg(out *bufio.Writer) {
	dmesg(out, r.head)
	if r.dropped > 0 {
		_, _ = fmt.Fprintf(out, "[… %d records are left out here …]\n", r.dropped)
	}
	dmesg(out, r.tail)
}

// IsLong reports whether the log is too long to save the machine.
func (r *Records) IsLong() bool { return r.headSize+r.tailSize > MaxSaved || r.dropped > 0 }

// MaxSaved limits the log of a saved machine, in bytes: every restored machine
// reads that log again.
const MaxSaved = 4 << 20
