package report

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"unicode/utf8"
)

// Clip keeps the beginning and the end of a text of any length. The zero
// value is an empty text of at most TextLimit bytes. It is not safe for
// concurrent use.
type Clip struct {
	Limit int // of String's result, in bytes; 0 is TextLimit

	head, tail []byte
	leftOut    int // bytes between head and tail
}

// noteRoom is kept free for the line that says how much is left out.
const noteRoom = 80

// half is how many bytes of the beginning are kept, and how many of the end.
func (c *Clip) half() int { return max(cmp.Or(c.Limit, TextLimit)-noteRoom, 0) / 2 }

// WriteString adds a text.
func (c *Clip) WriteString(text string) {
	if c.leftOut == 0 && len(c.tail) == 0 {
		begin := beginOf(text, c.half()-len(c.head))
		c.head = append(c.head, begin...)
		text = text[len(begin):]
	}
	if over := len(text) - 2*c.half(); over > 0 { // trim would remove the first over bytes anyway
		c.leftOut += over + len(c.tail)
		c.tail, text = c.tail[:0], text[over:]
	}
	c.tail = append(c.tail, text...)
	if len(c.tail) > 2*c.half() {
		c.trim()
	}
}

// trim shortens the tail to its last half() bytes.
func (c *Clip) trim() {
	over := max(len(c.tail)-c.half(), 0)
	for over > 0 && over < len(c.tail) && !utf8.RuneStart(c.tail[over]) {
		over++
	}
	c.leftOut += over
	c.tail = slices.Delete(c.tail, 0, over)
}

// Size is how many bytes are kept.
func (c *Clip) Size() int { return len(c.head) + len(c.tail) }

// Shrink lowers the limit to the given one, and forgets what is beyond it.
func (c *Clip) Shrink(limit int) {
	c.Limit = max(min(limit, cmp.Or(c.Limit, TextLimit)), 1)
	if begin := beginOf(string(c.head), c.half()); len(begin) < len(c.head) {
		if c.leftOut == 0 { // the end of the text may be there
			c.tail = slices.Concat(c.head[len(begin):], c.tail)
		} else {
			c.leftOut += len(c.head) - len(begin)
		}
		c.head = []byte(begin)
	}
	c.trim()
	c.tail = slices.Clone(c.tail)
}

// String returns the text, with a line in place of what is left out.
func (c *Clip) String() string {
	if c.leftOut > 0 || len(c.tail) > c.half() {
		c.trim()
	}
	if c.leftOut == 0 {
		return string(c.head) + string(c.tail)
	}
	return fmt.Sprintf("%s\n[… %d bytes are left out here …]\n%s", c.head, c.leftOut, c.tail)
}

// ReadText reads a text to its end and returns it as Clean does. It needs
// only a few times TextLimit of memory. If the reader fails, it returns the text
// before that and the error.
func ReadText(r io.Reader) (string, error) {
	var kept Clip
	lines := bufio.NewReaderSize(r, 64<<10)
	for {
		line, err := lines.ReadSlice('\n') // a longer line is cut
		kept.WriteString(cleanText(string(line)))
		switch {
		case err == nil, errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF):
			return kept.String(), nil
		default:
			return kept.String(), err
		}
	}
}

// Level returns a limit for texts of these sizes: if those that are longer are
// shortened to the limit, all texts together have at most budget bytes. It returns
// the longest size if no text needs to be shortened.
func Level(sizes []int, budget int) int {
	sorted := slices.Sorted(slices.Values(sizes))
	for i, size := range sorted {
		rest := len(sorted) - i // of this size or longer
		if size*rest > budget {
			return max(budget, 0) / rest
		}
		budget -= size
	}
	if len(sorted) == 0 {
		return 0
	}
	return sorted[len(sorted)-1]
}
