package host

import (
	"strings"
	"sync"
)

// console keeps the end of what the kernel printed to its serial line.
type console struct {
	mu   sync.Mutex
	text []byte
	heed func() // called on each write
}

// consoleLimit is how many bytes are kept: several reports of a kernel that
// dies in the middle of another.
const consoleLimit = 256 << 10

// Write keeps p. It never fails.
func (c *console) Write(p []byte) (int, error) {
	c.mu.Lock()
	c.text = append(c.text, p...)
	if over := len(c.text) - consoleLimit; over > 0 {
		c.text = append(c.text[:0], c.text[over:]...)
	}
	c.mu.Unlock()
	c.heed()
	return len(p), nil
}

func (c *console) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.ReplaceAll(string(c.text), "\r", "")
}

// tail returns the last n lines of a text.
func tail(text string, n int) string {
	lines := strings.SplitAfter(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "")
}
