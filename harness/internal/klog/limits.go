package klog

import (
	"fmt"
	"unicode/utf8"
)

const (
	titleBytes = 300 // maximum length of a title
	lineBytes  = 8 << 10
)

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

// limitLine shortens a line that is longer than any that a kernel prints.
func limitLine(text string) string {
	if len(text) <= lineBytes {
		return text
	}
	return fmt.Sprintf("%s... (%d bytes more)", text[:lineBytes], len(text)-lineBytes)
}
