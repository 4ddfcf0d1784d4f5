package klog

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	titleBytes = 300 // the most that a title has
	lineBytes  = 8 << 10
)

// visible returns text with control characters other than tab, parts of invalid
// UTF-8 and characters that change the direction of text as \xNN: a guest must
// not control the terminal that its log is shown on.
func visible(text string) string {
	if isPlain(text) {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); {
		c, size := utf8.DecodeRuneInString(text[i:])
		if c == '\t' || !isControl(c) && (c != utf8.RuneError || size > 1) {
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
	for i := range len(text) {
		if c := text[i]; (c < ' ' && c != '\t') || c >= 0x7f {
			return false
		}
	}
	return true
}

func isControl(c rune) bool {
	return unicode.IsControl(c) || unicode.Is(unicode.Bidi_Control, c) || c == '\u2028' || c == '\u2029'
}

// limitTitle shortens a title, at the end of a character.
func limitTitle(title string, most int) string {
	const more = "..."
	if len(title) <= most {
		return title
	}
	end := most - len(more)
	for end > 0 && !utf8.RuneStart(title[end]) {
		end--
	}
	return title[:end] + more
}

// limitLine shortens a line of a report that no kernel prints.
func limitLine(text string) string {
	if len(text) <= lineBytes {
		return text
	}
	return fmt.Sprintf("%s... (%d bytes more)", text[:lineBytes], len(text)-lineBytes)
}
