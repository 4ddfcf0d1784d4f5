package klog

import (
	"strconv"
	"strings"

	"github.com/kmodtest/kmodtest/harness/internal/klog/prefix"
)

// clockSkew is how far the clocks of processors may differ, in microseconds. If no
// line of the log is on the console, a line of the console that is older than the
// log's last record by at most this may have been printed after it.
const clockSkew = 1_000_000

// Rest returns the records of a console that a log lacks: those that the kernel
// printed after the log's last record. A kernel that dies prints its last records,
// but user space can no longer read them.
//
// They begin after the log's last line that is on the console: every line after it
// that is not in the log counts, whatever its time. Lines without a time are
// skipped if the log has times: user space writes to the console, too.
func Rest(log []Record, console string) []Record {
	known := map[string]int{} // how often
	last := uint64(0)
	for _, rec := range log {
		last = max(last, rec.Microsecs)
		for text := range strings.SplitSeq(rec.Text, "\n") {
			known[keyOf(rec.Microsecs, unescaped(text))]++
		}
	}
	var rest []Record
	found := false
	for raw := range strings.Lines(console) {
		l := parseLine(strings.TrimRight(raw, "\r\n"), 0)
		rec := Record{Caller: l.caller, Text: l.text, Microsecs: l.microsecs()}
		key := keyOf(rec.Microsecs, rec.Text)
		switch {
		case !prefix.IsSeconds(l.stamp) && last > 0:
		case known[key] > 0:
			known[key]--
			rest, found = nil, true // earlier lines are in the log, too, or not of the kernel
		default:
			rest = append(rest, rec)
		}
	}
	if found {
		return rest
	}
	var late []Record
	for _, rec := range rest {
		if rec.Microsecs+clockSkew >= last {
			late = append(late, rec)
		}
	}
	return late
}

// keyOf returns a key by which a line of the console matches its record in the log.
func keyOf(microsecs uint64, text string) string {
	return strconv.FormatUint(microsecs, 10) + " " + strings.TrimRight(text, "\r")
}

// unescaped returns the bytes of text in which /dev/kmsg wrote unprintable ones as
// \xNN.
func unescaped(text string) string {
	if !strings.Contains(text, `\x`) {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if strings.HasPrefix(text[i:], `\x`) && i+4 <= len(text) {
			if c, err := strconv.ParseUint(text[i+2:i+4], 16, 8); err == nil {
				b.WriteByte(byte(c))
				i += 3
				continue
			}
		}
		b.WriteByte(text[i])
	}
	return b.String()
}

// microsecs is the line's time; 0 if it has none that counts from the boot.
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
