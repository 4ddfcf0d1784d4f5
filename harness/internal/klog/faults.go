package klog

import (
	"regexp"
	"slices"
	"strings"
)

// Fault is a report of the kernel that something in it went wrong.
type Fault struct {
	Kind   Kind     `json:"kind"`
	Title  string   `json:"title"`  // one line that is the same whenever this happens
	Report []string `json:"-"`      // the report's lines as they are in the log, whole
	Frames []Frame  `json:"frames"` // in the report's order
	At     int      `json:"-"`      // the index of the record, or of the log's line, at which it begins
	Open   bool     `json:"-"`      // it had not come to its end for sure: what follows may belong to it
	Whole  bool     `json:"-"`      // the end of its report has been seen; only a panic may still be part of it
}

// Matches tells whether the title or a line of the report matches.
func (f *Fault) Matches(pattern *regexp.Regexp) bool {
	return pattern.MatchString(f.Title) || slices.ContainsFunc(f.Report, pattern.MatchString)
}

// Faults returns the faults in records that the kernel itself wrote, in the
// order of their beginnings. What the kernel says because of a fault, such as
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
// syslog's, or raw records of /dev/kmsg. The first line has index 0.
//
// Lines that user space has written to the log are left out where the text
// tells: dmesg -x and -r and the raw records do, a console does not.
func ConsoleFaults(text string) []Fault {
	var s Scanner
	for raw := range strings.Lines(text) {
		s.AddLine(raw)
	}
	return s.Faults()
}

// TaintFault returns the fault of which only the kernel's taint tells, such as
// "machine check (M)". At is where the log stood.
func TaintFault(what string, at int) Fault {
	return Fault{Kind: Taint, Title: "taint: " + what, Report: []string{"the kernel's taint tells of a " + what + ", of which its log does not"}, At: at}
}
