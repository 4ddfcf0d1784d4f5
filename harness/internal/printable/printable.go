// Package printable escapes text from a guest for a terminal.
package printable

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Text returns text with everything that could control a terminal written as \xNN:
// control characters except tabs and ends of line, invalid UTF-8, and characters
// that change the direction of text.
func Text(text string) string { return escape(text, true) }

// Line is Text for one line: ends of line are written as \x0a.
func Line(text string) string { return escape(text, false) }

func escape(text string, lines bool) string {
	if isPlain(text, lines) {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); {
		c, size := utf8.DecodeRuneInString(text[i:])
		if isSafe(c, size, lines) {
			b.WriteString(text[i : i+size])
		} else {
			for _, x := range []byte(text[i : i+size]) {
				fmt.Fprintf(&b, `\x%02x`, x)
			}
		}
		i += size
	}
	return b.String()
}

// isPlain reports whether text is ASCII that is printed as it is, the usual case.
func isPlain(text string, lines bool) bool {
	for i := range len(text) {
		if c := text[i]; c < ' ' && c != '\t' && (c != '\n' || !lines) || c >= 0x7f {
			return false
		}
	}
	return true
}

// isSafe reports whether a character, which takes size bytes, is printed as it is.
func isSafe(c rune, size int, lines bool) bool {
	switch {
	case c == '\n':
		return lines
	case c == '\t':
		return true
	case c == utf8.RuneError && size == 1, c == '\u2028', c == '\u2029':
		return false
	}
	return !unicode.IsControl(c) && !unicode.Is(unicode.Bidi_Control, c)
}
