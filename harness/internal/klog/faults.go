package klog

import (
	"regexp"
	"slices"
	"strings"

	"github.com/kmodtest/kmodtest/harness/internal/klog/trace"
)

// Frame is a place in the kernel's code that a report names.
type Frame = trace.Frame

// Fault is a fault that the kernel reported. In its texts, control characters other
// than tab are written as \xNN.
type Fault struct {
	Kind   Kind     `json:"kind"`
	Title  string   `json:"title"`  // one line, the same for each occurrence of the fault; at most 300 bytes
	Report []string `json:"-"`      // the lines of the report as they are in the log; at most 2,000, and 256 KiB
	Frames []Frame  `json:"frames"` // in the report's order
	At     int      `json:"-"`      // the index of the record, or of the line of the log, at which it begins
	Open   bool     `json:"-"`      // its end is not certain: later lines may belong to it
	Whole  bool     `json:"-"`      // the end of its report has been seen; only a panic may still be added
}

// Matches reports whether the title or a line of the report matches.
func (f *Fault) Matches(pattern *regexp.Regexp) bool {
	return pattern.MatchString(f.Title) || slices.ContainsFunc(f.Report, pattern.MatchString)
}

// Faults returns the faults in records that the kernel itself wrote, in the
// order of their beginnings. A consequence of a fault that the kernel reports, such
// as the panic that follows an oops, is part of that fault.
func Faults(records []Record) []Fault {
	var s Scanner
	for _, r := range records {
		s.Add(r)
	}
	return s.Faults()
}

// ConsoleFaults returns the faults in a log that is text: the output of the
// kernel's console, the output of dmesg in any of its forms, a file of
// syslog, the output of journalctl, or raw records of /dev/kmsg. The first line has
// index 0.
//
// Lines that user space wrote to the log are left out if the text marks them: dmesg
// -x, dmesg -r and the raw records do, a console does not.
func ConsoleFaults(text string) []Fault {
	var s Scanner
	for raw := range strings.Lines(text) {
		s.AddLine(raw)
	}
	return s.Faults()
}

// TaintFault returns the fault of a kernel that is tainted, for example by a
// "machine check (M)", but logged no report. at is the length of the log.
func TaintFault(what string, at int) Fault {
	return Fault{Kind: Taint, Title: "taint: " + what, Report: []string{"the kernel is tainted (" + what + ") but logged no report"}, At: at}
}
