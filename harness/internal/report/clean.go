package report

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// TextLimit is how many bytes of a text, such as a kernel's log, a report
// holds: the first half of it and the last.
const TextLimit = 512 << 10

// Clean makes any bytes fit for a report: UTF-8, without terminals' escape
// sequences having an effect, and not longer than TextLimit and a line that
// says what is missing.
func Clean(b []byte) string {
	if over := len(b) - TextLimit; over > 0 {
		head, tail := b[:TextLimit/2], b[len(b)-TextLimit/2:]
		b = fmt.Appendf(nil, "%s\n[… %d bytes are left out here …]\n%s", head, over, tail)
	}
	var out strings.Builder
	out.Grow(len(b))
	for len(b) > 0 {
		c, size := utf8.DecodeRune(b)
		switch {
		case c == '\r' && len(b) > 1 && b[1] == '\n': // a serial line's end of line
		case c < ' ' && c != '\n' && c != '\t':
			out.WriteRune('\u2400' + c) // the symbol for a control character
		case c == 0x7f:
			out.WriteRune('\u2421')
		case c >= 0x80 && c < 0xa0, c == 0xfffe, c == 0xffff:
			out.WriteRune(utf8.RuneError) // more control characters; no characters at all
		default:
			out.WriteRune(c)
		}
		b = b[size:]
	}
	return out.String()
}
