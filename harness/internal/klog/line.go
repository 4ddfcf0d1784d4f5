package klog

import (
	"strings"

	"github.com/kmodtest/kmodtest/harness/internal/klog/prefix"
)

// line is one line of the log without the prefix of the console or of dmesg.
type line struct {
	text   string
	raw    string // with its prefix, without its end
	stamp  string // the time in its prefix, or ""
	caller string // T12, C0 or ""
	user   bool   // known to come from user space
	record bool   // of /dev/kmsg
	inner  bool   // its record has text before it, which may be of user space
	at     int    // index of its record, or line, in the log
}

// size is what a line takes in memory, in bytes, roughly.
func (l line) size() int { return len(l.raw) + 32 }

// parseLine parses a line of a console, of any form of dmesg but JSON, of a syslog
// file or of /dev/kmsg.
func parseLine(raw string, at int) line {
	l := line{raw: raw, at: at}
	if head, _, ok := strings.Cut(raw, ";"); ok && isRecord(head) {
		if rec, err := Parse([]byte(raw)); err == nil {
			l.text, l.caller, l.user, l.record = rec.Text, rec.Caller, rec.Facility != 0, true
			return l
		}
	}
	l.user = prefix.IsProgram(raw)
	text := raw
	if i := strings.Index(text, " kernel: "); i >= 0 && i < 64 && !strings.HasPrefix(text, "[") {
		text = text[i+len(" kernel: "):]
	}
	date, text := prefix.CutDate(text)
	text, user := cutPriority(text)
	l.user = l.user || user
	if date == "" {
		date, text = prefix.CutDate(text)
	}
	if strings.Contains(date, "T") && strings.Contains(date, ",") { // dmesg --time-format=iso
		l.stamp = date
	}
	if rest, ok := cutBrackets(text, prefix.IsTime); ok {
		l.stamp = strings.TrimSpace(text[1:strings.IndexByte(text, ']')])
		text = rest
	}
	if flag := text[:min(2, len(text))]; (flag == "- " || flag == "d ") && strings.Contains(l.stamp, "@") { // whether interrupts are off
		text = text[2:]
	}
	if rest, ok := cutBrackets(text, isCaller); ok && l.stamp != "" {
		l.caller = strings.TrimSpace(text[1:strings.IndexByte(text, ']')])
		text = rest
	}
	l.text = text
	return l
}

// parts splits a line of a console where a second one begins inside it: after text
// that a program printed without an end of line, or after a line of the kernel
// that was cut off.
func parts(raw string) []string {
	var found []string
	for from := 1; ; {
		i := strings.IndexByte(raw[min(from, len(raw)):], '[')
		if i < 0 {
			return append(found, raw)
		}
		i += from
		from = i + 1
		end := strings.IndexByte(raw[i:min(i+16, len(raw))], ']')
		if end != 13 && end != 14 || i+end+1 >= len(raw) { // as in "[    1.234567] "
			continue
		}
		stamp := strings.TrimSpace(raw[i+1 : i+end])
		if dot := len(stamp) - 7; dot < 1 || stamp[dot] != '.' || !prefix.IsTime(stamp) || startsLine(raw[:i]) {
			continue
		}
		found = append(found, raw[:i])
		raw, from = raw[i:], 1
	}
}

// startsLine reports whether the text before a time is a prefix: a date, a priority,
// or that of syslog.
func startsLine(before string) bool {
	_, rest := prefix.CutDate(before)
	rest, _ = cutPriority(rest)
	return rest == "" || strings.HasSuffix(before, " kernel: ")
}

// isRecord reports whether the text before a semicolon is the head of a record.
func isRecord(head string) bool {
	if head == "" || head[0] < '0' || head[0] > '9' || strings.Count(head, ",") < 3 {
		return false
	}
	return !strings.ContainsAny(head, " []")
}

// cutPriority removes <6> or "kern  :warn  : " from the beginning, and reports
// whether it names user space.
func cutPriority(text string) (rest string, user bool) {
	if strings.HasPrefix(text, "<") {
		end := strings.IndexByte(text, '>')
		if end > 0 && end < 6 && prefix.IsNumber(text[1:end]) {
			// Bits above 7 are the facility; 0 is the kernel.
			return text[end+1:], end > 2 || text[1] > '7'
		}
	}
	if len(text) >= 15 && text[6] == ':' && text[13] == ':' && text[14] == ' ' {
		facility := strings.TrimSpace(text[:6])
		return text[15:], facility != "kern"
	}
	return text, false
}

// cutBrackets removes [text] and the space after it from the beginning, if the text
// is wanted.
func cutBrackets(text string, wanted func(string) bool) (string, bool) {
	if !strings.HasPrefix(text, "[") {
		return text, false
	}
	end := strings.IndexByte(text, ']')
	if end < 0 || end > 48 || !wanted(strings.TrimSpace(text[1:end])) {
		return text, false
	}
	rest := text[end+1:]
	if strings.HasPrefix(rest, "[") { // the caller
		return rest, true
	}
	return strings.TrimPrefix(rest, " "), true
}

func isCaller(s string) bool {
	return len(s) > 1 && (s[0] == 'T' || s[0] == 'C') && prefix.IsNumber(s[1:])
}
