package timeline

import (
	"slices"
	"strings"

	"github.com/kmodtest/kmodtest/harness/internal/inside"
)

// maxAnnounced is how many marks may be announced that the log has not reached. The host forgets the
// older half of more: the log will soon have them.
const maxAnnounced = 1 << 14

// announced are the marks that a test binary has told the host of before it wrote them to the kernel log,
// and that the log has not reached.
type announced struct {
	word  string // of this machine's marks
	marks []announcement
}

type announcement struct {
	number uint64
	line   string
}

// Announce takes a mark's line that the log will have, in case the machine dies before it can be read.
func (a *announced) Announce(line string) {
	m, ok := inside.ParseMark(line, a.word)
	if n := len(a.marks); !ok || m.Number == 0 || n > 0 && m.Number <= a.marks[n-1].number {
		return
	}
	if len(a.marks) == maxAnnounced {
		a.marks = slices.Delete(a.marks, 0, maxAnnounced/2)
	}
	a.marks = append(a.marks, announcement{m.Number, strings.Clone(line)})
}

// take removes the marks up to that number, and returns them.
func (a *announced) take(number uint64) []announcement {
	n := len(a.marks)
	if i := slices.IndexFunc(a.marks, func(m announcement) bool { return m.number > number }); i >= 0 {
		n = i
	}
	taken := a.marks[:n]
	a.marks = a.marks[n:]
	return taken
}
