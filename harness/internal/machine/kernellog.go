package machine

import (
	"slices"
	"strings"

	"github.com/kmodtest/kmodtest/harness/internal/klog"
	"github.com/kmodtest/kmodtest/harness/internal/timeline"
)

// kernelLog is the kernel log of a machine.
type kernelLog struct {
	boot        []klog.Record // before the guest's first process ran
	tests       []klog.Record // from there on
	console     []klog.Record // what only the console of a dead machine has
	consoleRead bool
}

// add adds a record. Those of the boot are not part of the timeline.
func (l *kernelLog) add(rec klog.Record, booting bool, t *timeline.Timeline) {
	if booting {
		l.boot = append(l.boot, rec)
		return
	}
	l.tests = append(l.tests, rec)
	t.Add(rec)
}

// addConsole adds what only the console of a dead machine has. Later calls do
// nothing.
func (l *kernelLog) addConsole(console string, t *timeline.Timeline) {
	if l.consoleRead {
		return
	}
	l.consoleRead = true
	l.console = klog.Rest(slices.Concat(l.boot, l.tests), console)
	t.AddConsole(l.console)
}

// String returns the whole log as dmesg prints it.
func (l *kernelLog) String() string {
	text := dmesg(l.boot) + dmesg(l.tests)
	if len(l.console) > 0 {
		text += "[… the rest is from the serial console …]\n" + dmesg(l.console)
	}
	return text
}

// LogTailLines is how much of the kernel log of a failing run is printed.
const LogTailLines = 200

// tail returns the last LogTailLines lines since the guest's first process ran.
func (l *kernelLog) tail() string {
	lines := strings.SplitAfter(strings.TrimRight(dmesg(l.tests), "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-LogTailLines):], "")
}

func dmesg(records []klog.Record) string {
	var b strings.Builder
	for _, rec := range records {
		b.WriteString(rec.String() + "\n")
	}
	return b.String()
}
