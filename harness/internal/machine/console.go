package machine

import (
	"strings"
	"sync"

	"github.com/kmodtest/kmodtest/harness/internal/printable"
)

// console keeps the end of what the kernel prints to its serial console.
type console struct {
	mu      sync.Mutex
	text    []byte
	written func() // called on each write
	asked   int    // offset of the kernel's answers to ask; -1 if it was not asked
}

// newConsole returns a console that calls written on each write.
func newConsole(written func()) *console { return &console{written: written, asked: -1} }

// consoleLimit is how many bytes are kept: several reports of a kernel that
// dies in the middle of another.
const consoleLimit = 256 << 10

// Write keeps p. It never fails.
func (c *console) Write(p []byte) (int, error) {
	c.mu.Lock()
	c.text = append(c.text, p...)
	if over := len(c.text) - consoleLimit; over > 0 {
		c.text = append(c.text[:0], c.text[over:]...)
		if c.asked >= 0 {
			c.asked = max(0, c.asked-over)
		}
	}
	c.mu.Unlock()
	c.written()
	return len(p), nil
}

func (c *console) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return plain(c.text)
}

// ask notes that all later text answers a request for the kernel's state.
func (c *console) ask() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked = len(c.text)
}

// parts returns what the kernel printed by itself, and its answers.
func (c *console) parts() (own, answers string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.asked < 0 {
		return plain(c.text), ""
	}
	return plain(c.text[:c.asked]), plain(c.text[c.asked:])
}

// plain returns the text as a terminal may print it.
func plain(text []byte) string { return printable.Text(strings.ReplaceAll(string(text), "\r", "")) }
