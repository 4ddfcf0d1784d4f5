// Package klog reads the kernel's log and finds what went wrong in it.
package klog

import (
	"fmt"
	"strconv"
	"strings"
)

// Record is one record of /dev/kmsg.
type Record struct {
	Level     int // 0, an emergency, to 7, debugging
	Facility  int // 0 for the kernel itself; user space can not use that
	Sequence  uint64
	Microsecs uint64 // since boot
	Caller    string // the task (T12) or processor (C0) that wrote it, where the kernel says
	Text      string // may hold several lines
}

// Parse reads a record as /dev/kmsg gives it:
//
//	level,sequence,microseconds,flags[,…];text
//	 KEY=value
//
// where the priority holds the level in its low three bits and the facility in
// the others, and unprintable bytes of the text are escaped.
// See Documentation/ABI/testing/dev-kmsg of the kernel.
func Parse(raw []byte) (Record, error) {
	head, text, ok := strings.Cut(string(raw), ";")
	fields := strings.Split(head, ",")
	if !ok || len(fields) < 3 {
		return Record{}, fmt.Errorf("not a record of /dev/kmsg: %q", raw)
	}
	priority, err := strconv.Atoi(fields[0])
	if err != nil {
		return Record{}, fmt.Errorf("not a record of /dev/kmsg: %q", raw)
	}
	rec := Record{Level: priority & 7, Facility: priority >> 3}
	if rec.Sequence, err = strconv.ParseUint(fields[1], 10, 64); err != nil {
		return Record{}, fmt.Errorf("not a record of /dev/kmsg: %q", raw)
	}
	if rec.Microsecs, err = strconv.ParseUint(fields[2], 10, 64); err != nil {
		return Record{}, fmt.Errorf("not a record of /dev/kmsg: %q", raw)
	}
	for _, field := range fields[3:] {
		if caller, ok := strings.CutPrefix(field, "caller="); ok {
			rec.Caller = caller
		}
	}
	// Lines that follow and start with a space are the record's dictionary.
	text, _, _ = strings.Cut(text, "\n")
	rec.Text = strings.ReplaceAll(text, `\x0a`, "\n")
	return rec, nil
}

// String returns the record as dmesg(1) prints it, without a line's end.
func (r Record) String() string {
	stamp := fmt.Sprintf("[%5d.%06d] ", r.Microsecs/1e6, r.Microsecs%1e6)
	return stamp + strings.ReplaceAll(r.Text, "\n", "\n"+stamp)
}
