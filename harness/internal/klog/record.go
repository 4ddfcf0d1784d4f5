// Package klog reads the kernel log and finds the faults that it reports.
package klog

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/kmodtest/kmodtest/harness/internal/printable"
)

// Record is one record of /dev/kmsg.
type Record struct {
	Level     int // 0, an emergency, to 7, debugging
	Facility  int // 0 is the kernel itself; user space cannot use it
	Sequence  uint64
	Microsecs uint64 // since boot
	Caller    string // the task (T12) or processor (C0) that wrote it; "" if the kernel does not log it
	Text      string // may have several lines, and any bytes
}

// Parse parses a record in the format of /dev/kmsg:
//
//	priority,sequence,microseconds,flags[,…];text
//	 KEY=value
//
// The priority has the level in its low three bits and the facility in the
// others; unprintable bytes of the text are escaped.
// See Documentation/ABI/testing/dev-kmsg of the kernel.
func Parse(raw []byte) (Record, error) {
	head, text, ok := strings.Cut(string(raw), ";")
	fields := strings.Split(head, ",")
	if !ok || len(fields) < 3 {
		return Record{}, notRecord(raw)
	}
	priority, err := strconv.ParseUint(fields[0], 10, 31)
	if err != nil {
		return Record{}, notRecord(raw)
	}
	rec := Record{Level: int(priority & 7), Facility: int(priority >> 3)}
	if rec.Sequence, err = strconv.ParseUint(fields[1], 10, 64); err != nil {
		return Record{}, notRecord(raw)
	}
	if rec.Microsecs, err = strconv.ParseUint(fields[2], 10, 64); err != nil {
		return Record{}, notRecord(raw)
	}
	for _, field := range fields[3:] {
		if caller, ok := strings.CutPrefix(field, "caller="); ok {
			rec.Caller = strings.Clone(caller)
		}
	}
	// Lines that follow and begin with a space are the record's dictionary.
	text, _, _ = strings.Cut(text, "\n")
	// A part of raw would keep all of it in memory.
	rec.Text = strings.Clone(strings.ReplaceAll(text, `\x0a`, "\n"))
	return rec, nil
}

func notRecord(raw []byte) error {
	const most = 200
	if len(raw) > most {
		return fmt.Errorf("not a record of /dev/kmsg: %q... (%d bytes)", raw[:most], len(raw))
	}
	return fmt.Errorf("not a record of /dev/kmsg: %q", raw)
}

// String returns the record as dmesg(1) prints it, without the end of its last
// line. Control characters other than tab are written as \xNN.
func (r Record) String() string {
	stamp := fmt.Sprintf("[%5d.%06d] ", r.Microsecs/1e6, r.Microsecs%1e6)
	lines := strings.Split(r.Text, "\n")
	for i, text := range lines {
		lines[i] = stamp + printable.Line(text)
	}
	return strings.Join(lines, "\n")
}
