// Package prefix reads what programs put before the text of a line of the kernel's log: times, dates and colors.
package prefix

import (
	"regexp"
	"strings"
)

// escapes are the sequences of a terminal that set colors or erase a line, and
// Buildkite's times.
var escapes = regexp.MustCompile(`\x1b\[[0-9;]*[mK]|\x1b_bk;[^\x07]*\x07`)

// Uncolored returns a line without the colors of a terminal, which dmesg and systems
// for CI print.
func Uncolored(raw string) string {
	if !strings.Contains(raw, "\x1b") {
		return raw
	}
	return escapes.ReplaceAllString(raw, "")
}

// IsTime recognizes the times that dmesg prints in brackets. They may end with the
// time since the line before:
//
//	12.345678   +0.000012   Mon Jan  2 15:04:05 2006   Jan 2 15:04
//	<    0.000012>   12.345678 <    0.000012>
//
// Kernels of phones and set-top boxes print the processor, too: 12.345678,1 and 12.345678@1.
func IsTime(s string) bool {
	if at := strings.LastIndexAny(s, ",@"); at > 0 && IsNumber(s[at+1:]) && IsSeconds(s[:at]) {
		return true
	}
	if before, delta, ok := strings.Cut(s, "<"); ok {
		delta, ok = strings.CutSuffix(delta, ">")
		before = strings.TrimSpace(before)
		return ok && IsSeconds(strings.TrimLeft(delta, " -")) && (before == "" || IsTime(before))
	}
	return IsSeconds(strings.TrimLeft(s, "+-")) || isLong(s) || len(s) == 11 && s[5] == ' ' && isClock(s[6:])
}

// long is what dmesg -T prints, in any language.
var long = regexp.MustCompile(`^\S+ .+ \d\d:\d\d:\d\d \d{4}$`)

func isLong(s string) bool { return len(s) >= 20 && s[len(s)-8] == ':' && long.MatchString(s) }

// IsSeconds recognizes 12.345678.
func IsSeconds(s string) bool {
	whole, fraction, ok := strings.Cut(s, ".")
	return ok && IsNumber(whole) && IsNumber(fraction)
}

// isClock recognizes 15:04.
func isClock(s string) bool {
	return len(s) == 5 && s[2] == ':' && IsNumber(s[:2]) && IsNumber(s[3:])
}

// date is a time of day, often with a date, of any zone, often in brackets. GitLab
// numbers the streams after it.
var date = regexp.MustCompile(`^\[?((?:\d{4}-\d\d-\d\d[T ])?\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?)\]? (?:\d\d[OE][+ ])?`)

// logcat is what Android's program of that name prints before a message of the kernel.
var logcat = regexp.MustCompile(`^(\d\d-\d\d \d\d:\d\d:\d\d\.\d+) +\d+ +\d+ [VDIWEF] [^:]*: `)

// CutDate removes 2006-01-02T15:04:05.123456Z, or a date or time of day of another
// form, and the space after it, from the beginning. Systems for CI and programs for
// serial lines put it before each line.
func CutDate(text string) (found, rest string) {
	if at := strings.IndexByte(text[:min(len(text), 15)], ':'); at < 2 { // most lines have no date
		return "", text
	}
	if text[2] == '-' {
		if m := logcat.FindStringSubmatch(text[:min(len(text), 80)]); m != nil {
			return m[1], text[len(m[0]):]
		}
	}
	m := date.FindStringSubmatch(text[:min(len(text), 56)])
	if m == nil {
		return "", text
	}
	return m[1], text[len(m[0]):]
}

// program is the beginning of a line of syslog or the journal that a program has written. Most have a number.
var program = regexp.MustCompile(`^(?:[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|\d{4}-\d\d-\d\dT\S+) \S+ (?:[^\s:\[\]]+\[\d+\]|audit|su|sudo): `)

// IsProgram reports whether a line of syslog or the journal names a program as its writer.
func IsProgram(raw string) bool {
	return len(raw) > 16 && (raw[0] >= 'A' && raw[0] <= 'Z' || raw[0] == '2') && program.MatchString(raw[:min(len(raw), 160)])
}

// tasks are what kernels of phones print after the time: the processor, the name of
// the task and its number.
//
//	[4:     gadgetctl:  825]   (4)[825:gadgetctl]
//
// The second one has a minus before it if interrupts are off, and the first one the
// first letter of the level.
var tasks = regexp.MustCompile(`^ ?[A-Z]?\[ *\d+: *[^\]]*?: *(\d+)\] ?|^ ?-?\(\d+\)\[(\d+):[^\]]*\]`)

// CutTask removes such a text from the beginning, and returns the number of the task, or
// "" without such a text.
func CutTask(text string) (task, rest string) {
	if !strings.ContainsAny(text[:min(len(text), 3)], "[(") { // most lines
		return "", text
	}
	m := tasks.FindStringSubmatch(text[:min(len(text), 64)])
	if m == nil {
		return "", text
	}
	return m[1] + m[2], text[len(m[0]):]
}

// Unquoted returns a line without the marks of a quotation in a mail.
func Unquoted(raw string) string {
	for {
		rest, ok := strings.CutPrefix(raw, ">")
		if !ok {
			return raw
		}
		raw = strings.TrimPrefix(rest, " ")
	}
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
