package klog

import (
	"strings"
)

// line is one line of the log without the prefix of the console or of dmesg.
type line struct {
	text   string
	raw    string // with its prefix, without its end
	stamp  string // the time in its prefix, or ""
	caller string // T12, C0 or ""
	user   bool   // known to come from user space
	record bool   // of /dev/kmsg
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
	text := raw
	if i := strings.Index(text, " kernel: "); i >= 0 && i < 64 && !strings.HasPrefix(text, "[") {
		text = text[i+len(" kernel: "):]
	}
	date, text := cutDate(text)
	text, l.user = cutPriority(text)
	if date == "" {
		date, text = cutDate(text)
	}
	if strings.Contains(date, ",") { // dmesg --time-format=iso
		l.stamp = date
	}
	if rest, ok := cutBrackets(text, isStamp); ok {
		l.stamp = strings.TrimSpace(text[1:strings.IndexByte(text, ']')])
		text = rest
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
		if dot := len(stamp) - 7; dot < 1 || stamp[dot] != '.' || !isStamp(stamp) || startsLine(raw[:i]) {
			continue
		}
		found = append(found, raw[:i])
		raw, from = raw[i:], 1
	}
}

// startsLine reports whether the text before a time is a prefix: a date, a priority,
// or that of syslog.
func startsLine(before string) bool {
	_, rest := cutDate(before)
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

// uncolored returns a line without the colors of a terminal, which dmesg prints.
func uncolored(raw string) string {
	if !strings.Contains(raw, "\x1b[") {
		return raw
	}
	var b strings.Builder
	for {
		before, after, ok := strings.Cut(raw, "\x1b[")
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		raw = strings.TrimLeft(after, "0123456789;")
		if rest, ok := strings.CutPrefix(raw, "m"); ok {
			raw = rest
		} else {
			b.WriteString("\x1b[" + after[:len(after)-len(raw)])
		}
	}
}

// cutPriority removes <6> or "kern  :warn  : " from the beginning, and reports
// whether it names user space.
func cutPriority(text string) (rest string, user bool) {
	if strings.HasPrefix(text, "<") {
		end := strings.IndexByte(text, '>')
		if end > 0 && end < 6 && isNumber(text[1:end]) {
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

// isStamp recognizes the times that dmesg prints in brackets. They may end with the
// time since the line before:
//
//	12.345678   +0.000012   Mon Jan  2 15:04:05 2006   Jan 2 15:04
//	<    0.000012>   12.345678 <    0.000012>
func isStamp(s string) bool {
	if before, delta, ok := strings.Cut(s, "<"); ok {
		delta, ok = strings.CutSuffix(delta, ">")
		before = strings.TrimSpace(before)
		return ok && isSeconds(strings.TrimLeft(delta, " -")) && (before == "" || isStamp(before))
	}
	return isSeconds(strings.TrimLeft(s, "+-")) || len(s) == 24 && s[13] == ':' && s[16] == ':' || len(s) == 11 && s[5] == ' ' && isClock(s[6:])
}

func isSeconds(s string) bool {
	whole, fraction, ok := strings.Cut(s, ".")
	return ok && isNumber(whole) && isNumber(fraction)
}

// isClock recognizes 15:04.
func isClock(s string) bool {
	return len(s) == 5 && s[2] == ':' && isNumber(s[:2]) && isNumber(s[3:])
}

// cutDate removes 2006-01-02T15:04:05.123456Z or a date of another zone, and the space
// after it, from the beginning. Systems for CI put it before each line.
func cutDate(text string) (date, rest string) {
	date, _, ok := strings.Cut(text[:min(len(text), 48)], " ")
	if !ok || len(date) < 20 || date[4] != '-' || date[10] != 'T' || !isClock(date[11:16]) || strings.Trim(date, "0123456789-+:.,TZ") != "" {
		return "", text
	}
	return date, text[len(date)+1:]
}

func isCaller(s string) bool {
	return len(s) > 1 && (s[0] == 'T' || s[0] == 'C') && isNumber(s[1:])
}

func isNumber(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
