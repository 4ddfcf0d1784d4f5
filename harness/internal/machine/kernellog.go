package machine

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kmodtest/kmodtest/harness/internal/inside"
	"github.com/kmodtest/kmodtest/harness/internal/klog"
	"github.com/kmodtest/kmodtest/harness/internal/timeline"
)

// kernelLog is the kernel log of a machine.
type kernelLog struct {
	boot        records // before the guest's first process ran
	tests       records // from there on
	console     []klog.Record
	consoleRead bool
}

// add adds a record. Those of the boot are not part of the timeline.
func (l *kernelLog) add(rec klog.Record, booting bool, t *timeline.Timeline) {
	if booting {
		l.boot.add(rec)
		return
	}
	l.tests.add(rec)
	t.Add(rec)
}

// addConsole adds the records that only the console of a dead machine has. Later
// calls do nothing.
func (l *kernelLog) addConsole(console string, t *timeline.Timeline) {
	if l.consoleRead {
		return
	}
	l.consoleRead = true
	l.console = klog.Rest(slices.Concat(l.boot.all(), l.tests.all()), console)
	t.AddConsole(l.console)
}

// String returns the whole log as dmesg prints it, without our marks.
func (l *kernelLog) String() string {
	text := l.boot.dmesg() + l.tests.dmesg()
	if len(l.console) > 0 {
		text += "[… the rest is from the serial console …]\n" + dmesg(l.console)
	}
	return text
}

// LogTailLines is how much of the kernel log of a failing run is printed.
const LogTailLines = 200

// tail returns the last LogTailLines lines since the guest's first process ran,
// without our marks.
func (l *kernelLog) tail() string {
	lines := strings.SplitAfter(strings.TrimRight(l.tests.dmesg(), "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-LogTailLines):], "")
}

func dmesg(all []klog.Record) string {
	var b strings.Builder
	for _, rec := range all {
		if !inside.IsMark(rec.Text) {
			b.WriteString(rec.String() + "\n")
		}
	}
	return b.String()
}

// records keeps the beginning and the end of a log of any length.
type records struct {
	head, tail         []klog.Record
	headSize, tailSize int
	dropped            int
}

// recordsHalf is how many bytes of the beginning, and at least of the end, are
// kept.
const recordsHalf = 16 << 20

// size returns how many bytes a record takes.
func size(rec klog.Record) int { return len(rec.Text) + len(rec.Caller) + 128 }

func (r *records) add(rec klog.Record) {
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

// recordsOf returns a log with these records. It does not change the slice.
func recordsOf(all []klog.Record) records {
	r := records{head: slices.Clip(all)}
	for _, rec := range all {
		r.headSize += size(rec)
	}
	return r
}

func (r *records) all() []klog.Record { return slices.Concat(r.head, r.tail) }

func (r *records) dmesg() string {
	if r.dropped == 0 {
		return dmesg(r.all())
	}
	return dmesg(r.head) + fmt.Sprintf("[… %d records are left out here …]\n", r.dropped) + dmesg(r.tail)
}
