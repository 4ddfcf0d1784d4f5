// Package printable makes text that comes from a guest fit for a terminal.
package printable

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Text returns text with everything that could control a terminal written as \xNN:
// control characters except tabs and ends of line, invalid UTF-8, and characters
// that change the direction of text.
func Text(text string) string {
	if isPlain(text) {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); {
		c, size := utf8.DecodeRuneInString(text[i:])
		if isSafe(c, size) {
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

func isPlain(text string) bool {
	for i := 0; i < len(text); {
		c, size := utf8.DecodeRuneInString(text[i:])
		if !isSafe(c, size) {
			return false
		}
		i += size
	}
	return true
}

// isSafe reports whether a character, which takes size bytes, is printed as it is.
func isSafe(c rune, size int) bool {
	switch {
	case c == '\n', c == '\t':
		return true
	case c < ' ', c >= 0x7f && c < 0xa0:
		return false
	case c == utf8.RuneError && size == 1:
		return false
	case c >= 0x202a && c <= 0x202e, c >= 0x2066 && c <= 0x2069, c == 0x200e, c == 0x200f, c == 0x061c:
		return false
	}
	return true
}
