package klog

import (
	"strconv"
	"strings"
)

// Rest returns what a console shows beyond a log: what the kernel printed after
// the log's last record. A kernel that dies has no time to hand on its last
// records, but prints them.
//
// Lines without a time are not the kernel's where its other lines have one: user
// space writes to the console, too.
func Rest(log []Record, console string) []Record {
	known := map[string]int{} // how often
	last := uint64(0)
	for _, rec := range log {
		last = max(last, rec.Microsecs)
		for text := range strings.SplitSeq(rec.String(), "\n") {
			known[text]++
		}
	}
	var rest []Record
	for raw := range strings.Lines(console) {
		l := parseLine(strings.TrimRight(raw, "\r\n"), 0)
		rec := Record{Caller: l.caller, Text: l.text, Microsecs: l.microsecs()}
		switch {
		case rec.Microsecs < last, l.stamp == "" && last > 0:
		case known[rec.String()] > 0:
			known[rec.String()]--
			rest = nil // what stands before was in the log, too, or is not the kernel's
		default:
			rest = append(rest, rec)
		}
	}
	return rest
}

// microsecs is the line's time; 0 where it has none that counts from the boot.
func (l line) microsecs() uint64 {
	whole, fraction, ok := strings.Cut(l.stamp, ".")
	if !ok || len(fraction) != 6 {
		return 0
	}
	n, err := strconv.ParseUint(whole+fraction, 10, 64)
	if err != nil {
		return 0
	}
	return n
}
