// Package prefix reads what programs put before the text of a line of the kernel's log: times, dates and colors.
package prefix

import "strings"

// Uncolored returns a line without the colors of a terminal, which dmesg prints.
func Uncolored(raw string) string {
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

// IsTime recognizes the times that dmesg prints in brackets. They may end with the
// time since the line before:
//
//	12.345678   +0.000012   Mon Jan  2 15:04:05 2006   Jan 2 15:04
//	<    0.000012>   12.345678 <    0.000012>
func IsTime(s string) bool {
	if before, delta, ok := strings.Cut(s, "<"); ok {
		delta, ok = strings.CutSuffix(delta, ">")
		before = strings.TrimSpace(before)
		return ok && IsSeconds(strings.TrimLeft(delta, " -")) && (before == "" || IsTime(before))
	}
	return IsSeconds(strings.TrimLeft(s, "+-")) || len(s) == 24 && s[13] == ':' && s[16] == ':' || len(s) == 11 && s[5] == ' ' && isClock(s[6:])
}

// IsSeconds recognizes 12.345678.
func IsSeconds(s string) bool {
	whole, fraction, ok := strings.Cut(s, ".")
	return ok && IsNumber(whole) && IsNumber(fraction)
}

// isClock recognizes 15:04.
func isClock(s string) bool {
	return len(s) == 5 && s[2] == ':' && IsNumber(s[:2]) && IsNumber(s[3:])
}

// CutDate removes 2006-01-02T15:04:05.123456Z or a date of another zone, and the space
// after it, from the beginning. Systems for CI put it before each line.
func CutDate(text string) (date, rest string) {
	date, _, ok := strings.Cut(text[:min(len(text), 48)], " ")
	if !ok || len(date) < 20 || date[4] != '-' || date[10] != 'T' || !isClock(date[11:16]) || strings.Trim(date, "0123456789-+:.,TZ") != "" {
		return "", text
	}
	return date, text[len(date)+1:]
}

// IsNumber recognizes decimal digits.
func IsNumber(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
