package klog

import (
	"regexp"
	"slices"
	"strings"

	"github.com/kmodtest/kmodtest/harness/internal/klog/trace"
)

// Frame is a place in the kernel's code that a report names.
type Frame = trace.Frame

// Fault is a report of the kernel that something in it went wrong. Its texts have
// no control characters other than tab: these are written as \xNN.
type Fault struct {
	Kind   Kind     `json:"kind"`
	Title  string   `json:"title"`  // one line that is the same whenever this happens, of at most 300 bytes
	Report []string `json:"-"`      // the lines of the report as they are in the log; at most 2,000, and 256 KiB
	Frames []Frame  `json:"frames"` // in the report's order
	At     int      `json:"-"`      // the index of the record, or of the line of the log, at which it begins
	Open   bool     `json:"-"`      // its end has not been seen for sure: what follows may belong to it
	Whole  bool     `json:"-"`      // the end of its report has been seen; only a panic may still be part of it
}

// Matches reports whether the title or a line of the report matches.
func (f *Fault) Matches(pattern *regexp.Regexp) bool {
	return pattern.MatchString(f.Title) || slices.ContainsFunc(f.Report, pattern.MatchString)
}

// Faults returns the faults in records that the kernel itself wrote, in the
// order of their beginnings. What the kernel reports because of a fault, such as
// the panic that follows an oops, is part of that fault.
func Faults(records []Record) []Fault {
	var s Scanner
	for _, r := range records {
		s.Add(r)
	}
	return s.Faults()
}

// ConsoleFaults returns the faults in a log that is text: what the kernel
// printed to its console, the output of dmesg in any of its forms, a file of
// syslog, or raw records of /dev/kmsg. The first line has index 0.
//
// Lines that user space wrote to the log are left out where the text tells them
// apart: dmesg -x and -r and the raw records do, a console does not.
func ConsoleFaults(text string) []Fault {
	var s Scanner
	for raw := range strings.Lines(text) {
		s.AddLine(raw)
	}
	return s.Faults()
}

// TaintFault returns the fault of a kernel that is tainted, such as by a "machine
// check (M)", but logged no report. At is where the log ended then.
func TaintFault(what string, at int) Fault {
	return Fault{Kind: Taint, Title: "taint: " + what, Report: []string{"the kernel is tainted (" + what + ") but logged no report"}, At: at}
}
