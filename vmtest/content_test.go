package vmtest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/kmodtest/kmodtest/harness/guest"
	"github.com/kmodtest/kmodtest/kmod/uapi"
)

// A content is a message that a string function would misread, and how the log shows it.
type content struct{ name, message, logged string }

// contents returns messages of a length.
func contents(size int) []content {
	all := []content{
		{"NULs", strings.Repeat("\x00", size), strings.Repeat(`\x00`, size-1)},
		{"0xff", strings.Repeat("\xff", size), strings.Repeat(`\xff`, size)},
	}
	if size == 1 {
		return all
	}
	text := distinct(size - 1)
	logged := strings.ReplaceAll(text, `\`, `\x5c`)
	return append(all,
		content{"text and a NUL", text + "\x00", logged},
		content{"text and 0xff", text + "\xff", logged + `\xff`},
		content{"a NUL and text", "\x00" + text, `\x00` + logged},
		content{"0xff and text", "\xff" + text, `\xff` + logged},
	)
}

// edges are lengths near the ends of what a message may have.
var edges = []int{1, 2, uapi.SocketOpsMsgMax - 1, uapi.SocketOpsMsgMax}

// The content of a message decides nothing: neither its length nor whether it is stored.
func TestMessageMayHaveAnyContentAtEachLength(t *testing.T) {
	s := newSocket(t)
	for _, size := range edges {
		for _, c := range contents(size) {
			what := fmt.Sprintf("a set of %d bytes, %s", size, c.name)
			s.wantCounts(t, uapi.Stats{Sets: 1, SetBytes: uint64(size), Gets: 1, GetBytes: uint64(size)}, what, func() {
				s.store(t, c.message)
				s.wantLast(t, c.message, "after "+what)
			})
			wantGets(t, s, uapi.SocketOpsLast, what, c.message)
		}
	}
}

// The log omits one NUL, at the end only, at each length.
func TestContentIsLoggedAtEachLength(t *testing.T) {
	for _, size := range edges {
		for _, c := range contents(size) {
			t.Run(fmt.Sprintf("%d bytes, %s", size, c.name), func(t *testing.T) {
				reload(t)
				s, log := newSocket(t), guest.WatchKernelLog(t)
				s.store(t, c.message)
				wantLogged(t, log, "a set", "sockopt: recv_msg()", "recv_msg: umsg = "+c.logged+". ret = 0")
			})
		}
	}
}
