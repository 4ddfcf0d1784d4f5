package klog

import (
	"strings"
)

// Fault is a report of the kernel that something in it went wrong.
type Fault struct {
	Kind   Kind     `json:"kind"`
	Title  string   `json:"title"`  // one line that is the same whenever this happens
	Report []string `json:"-"`      // the report's lines as they are in the log, whole
	Frames []Frame  `json:"frames"` // in the report's order
	At     int      `json:"-"`      // the index of the record, or of the log's line, at which it begins
}

// Faults returns the faults in records that the kernel itself wrote, in the
// order of their beginnings. What the kernel says because of a fault, such as
// the panic that follows an oops, is part of that fault.
func Faults(records []Record) []Fault {
	var s scanner
	for i, r := range records {
		if r.Facility != 0 {
			continue
		}
		for text := range strings.SplitSeq(r.Text, "\n") {
			text = strings.TrimSuffix(text, "\r")
			s.add(line{text: text, raw: text, caller: r.Caller, at: i})
		}
	}
	return s.faults()
}

// ConsoleFaults returns the faults in a log that is text: what the kernel
// printed to its console, the output of dmesg in any of its forms, a file of
// syslog's, or raw records of /dev/kmsg. The first line has index 0.
//
// Lines that user space has written to the log are left out where the text
// tells: dmesg -x and -r and the raw records do, a console does not.
func ConsoleFaults(text string) []Fault {
	var s scanner
	at := 0
	for raw := range strings.Lines(text) {
		l := parseLine(strings.TrimRight(raw, "\r\n"), at)
		if strings.Contains(l.text, `\x0a`) || strings.Contains(l.text, "\n") { // of a raw record
			for part := range strings.SplitSeq(l.text, "\n") {
				one := l
				one.text = part
				s.add(one)
			}
		} else {
			s.add(l)
		}
		at++
	}
	return s.faults()
}
