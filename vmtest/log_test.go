package vmtest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/guest"
	"github.com/kmodtest/kmodtest/kmod/uapi"
)

// info is the log level of all that the module says.
const info = 6

// reload loads the module afresh, so that its rate limits have let nothing
// through yet.
func reload(t *testing.T) {
	t.Helper()
	guest.UnloadModule(t, module)
	guest.LoadModule(t, module)
}

// said are the lines that the module logged. A line break inside a message
// begins a new line here as it does on a console, so a forged line counts like
// any other.
func said(t *testing.T, log *guest.KernelLog) []string {
	t.Helper()
	var out []string
	for _, record := range log.Records() {
		for line := range strings.SplitSeq(record.Text, "\n") {
			begin, _, _ := strings.Cut(line, ": ")
			if !slices.Contains([]string{"sockopt", "recv_msg", "send_msg"}, begin) {
				continue
			}
			if record.Level != info {
				t.Errorf("kernel log: %q has level %d, want %d", line, record.Level, info)
			}
			out = append(out, line)
		}
	}
	return out
}

// wantSaid checks what the module logged.
func wantSaid(t *testing.T, log *guest.KernelLog, when string, want ...string) {
	t.Helper()
	if got := said(t, log); !slices.Equal(got, want) {
		t.Fatalf("kernel log after %s: got %q, want %q", when, got, want)
	}
}

func TestLoadAndUnloadAreLogged(t *testing.T) {
	log := guest.WatchKernelLog(t)
	guest.UnloadModule(t, module)
	wantSaid(t, log, "unloading", "sockopt: fini_sockopt()")
	guest.LoadModule(t, module)
	wantSaid(t, log, "unloading and loading", "sockopt: fini_sockopt()", "sockopt: init_sockopt()")
}

func TestSetIsLogged(t *testing.T) {
	reload(t)
	s, log := newSocket(t), guest.WatchKernelLog(t)
	s.store(t, "hello")
	wantSaid(t, log, "a set", "sockopt: recv_msg()", "recv_msg: umsg = hello. ret = 0")
}

func TestGreetingIsLogged(t *testing.T) {
	reload(t)
	s, log := newSocket(t), guest.WatchKernelLog(t)
	_, err := s.tryGet(uapi.SocketOpsGet)
	wantErrno(t, err, nil, "get of the greeting")
	wantSaid(t, log, "a get of the greeting",
		"sockopt: send_msg()", "send_msg: umsg = --------kernel---------. ret = 0. success")
}

// A greeting that does not reach its reader is logged without its success.
func TestRefusedGreetingLogsNoSuccess(t *testing.T) {
	reload(t)
	s, log := newSocket(t), guest.WatchKernelLog(t)
	_, err := s.get(uapi.SocketOpsGet, 0, 1)
	wantErrno(t, err, unix.EFAULT, "get of the greeting into no memory")
	wantSaid(t, log, "a refused get of the greeting", "sockopt: send_msg()")
}

func TestOtherGetsAreNotLogged(t *testing.T) {
	reload(t)
	s, log := newSocket(t), guest.WatchKernelLog(t)
	s.wantLast(t, "", "in a new namespace")
	s.stats(t)
	wantSaid(t, log, "gets of the last message and the counters")
}

// A set that is refused for its message is logged without it, and one of a caller
// who has no right not at all.
func TestRefusedSetLogsNoMessage(t *testing.T) {
	const text = "in vain"
	reload(t)
	s, log := newSocket(t), guest.WatchKernelLog(t)
	long := message(t, text+strings.Repeat(".", uapi.SocketOpsMsgMax))
	wantErrno(t, s.set(uapi.SocketOpsSet, long.address, int32(len(long.data))), unix.EINVAL, "set of too many bytes")
	short := message(t, text)
	wantErrno(t, s.set(uapi.SocketOpsSet, short.address, int32(len(text)+1)), unix.EFAULT, "set of memory that can not be read to its end")
	guest.DropCapabilities(t)
	wantErrno(t, s.trySet(text), unix.EPERM, "set without CAP_NET_ADMIN")
	wantSaid(t, log, "refused sets", "sockopt: recv_msg()", "sockopt: recv_msg()")
	for _, record := range log.Records() {
		if record.Facility == 0 && strings.Contains(record.Text, text) {
			t.Errorf("kernel log after refused sets: got %q", record.Text)
		}
	}
}

func TestLoggedMessageCannotForgeLine(t *testing.T) {
	cases := []struct{ name, message, logged string }{
		{"empty", "", ""},
		{"NUL at the end", "text\x00", "text"},
		{"two NULs at the end", "text\x00\x00", `text\x00`},
		{"NUL inside", "one\x00two", `one\x00two`},
		{"newline", "x. ret = 0\nsockopt: fini_sockopt()", `x. ret = 0\x0asockopt: fini_sockopt()`},
		{"newline at the end", "text\n", `text\x0a`},
		{"carriage return", "text\rsockopt: ", `text\x0dsockopt: `},
		{"escape sequence", "\x1b[2J\x1b[31m", `\x1b[2J\x1b[31m`},
		{"high bytes", "\x7f\x80\x9b\xa0\xff", `\x7f\x80\x9b\xa0\xff`},
		{"UTF-8", "ä", `\xc3\xa4`},
		{"backslash", `\x0a`, `\x5cx0a`},
		{"format", "%s%n%d", "%s%n%d"},
		{"log level", "\x016<3>", `\x016<3>`},
		{"longest", strings.Repeat("\n", uapi.SocketOpsMsgMax), strings.Repeat(`\x0a`, uapi.SocketOpsMsgMax)},
	}
	for first := 0; first < 256; first += uapi.SocketOpsMsgMax {
		message, logged := "", ""
		for b := first; b < first+uapi.SocketOpsMsgMax; b++ {
			message += string([]byte{byte(b)})
			if b >= ' ' && b <= '~' && b != '\\' {
				logged += string(rune(b))
			} else {
				logged += fmt.Sprintf(`\x%02x`, b)
			}
		}
		cases = append(cases, struct{ name, message, logged string }{fmt.Sprintf("bytes from %d on", first), message, logged})
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			reload(t)
			s, log := newSocket(t), guest.WatchKernelLog(t)
			s.store(t, c.message)
			wantSaid(t, log, "a set", "sockopt: recv_msg()", "recv_msg: umsg = "+c.logged+". ret = 0")
		})
	}
}

// So many sets, and so many greetings, are logged in a time that begins with the
// first of them.
const (
	limitPeriod = 5 * time.Second
	limitBurst  = 10
)

// The limits are for all namespaces together: anybody can make many.
func TestManyCallsLogFewLines(t *testing.T) {
	const calls = 1000
	reload(t)
	log := guest.WatchKernelLog(t)
	var sockets []socket
	for range 20 {
		sockets = append(sockets, newSocket(t))
	}
	begun := time.Now()
	for i := range calls {
		sockets[i%len(sockets)].store(t, "again")
	}
	for i := range calls {
		_, err := sockets[i%len(sockets)].tryGet(uapi.SocketOpsGet)
		wantErrno(t, err, nil, "get of the greeting")
	}
	periods := int(time.Since(begun)/limitPeriod) + 1 // that sets, or gets, can have begun
	lines := said(t, log)
	if few := 2 * limitBurst * 2 * periods; len(lines) > few {
		t.Fatalf("%d sets and %d gets logged %d lines, want at most %d", calls, calls, len(lines), few)
	}
	wantPairs(t, lines, "sockopt: recv_msg()", "recv_msg: umsg = again. ret = 0")
	wantPairs(t, lines, "sockopt: send_msg()", "send_msg: umsg = --------kernel---------. ret = 0. success")
}

// wantPairs checks that among lines each first one is followed by its second
// one, that no second one stands alone, and that there are some.
func wantPairs(t *testing.T, lines []string, first, second string) {
	t.Helper()
	pairs := 0
	for i, line := range lines {
		if line == first && (i+1 == len(lines) || lines[i+1] != second) {
			t.Fatalf("kernel log: %q is not followed by %q: %q", first, second, lines)
		}
		if line == second && (i == 0 || lines[i-1] != first) {
			t.Fatalf("kernel log: %q does not follow %q: %q", second, first, lines)
		}
		if line == second {
			pairs++
		}
	}
	if pairs == 0 {
		t.Fatalf("kernel log: no %q: %q", second, lines)
	}
}

// Who has no right can not use up the limit for the sets of those who have one:
// neither by sets that are refused, nor by asking for greetings.
func TestRefusedSetsDoNotHideOthers(t *testing.T) {
	reload(t)
	s, log := newSocket(t), guest.WatchKernelLog(t)
	t.Run("without CAP_NET_ADMIN", func(t *testing.T) {
		guest.DropCapabilities(t, unix.CAP_NET_ADMIN)
		for range 1000 {
			wantErrno(t, s.trySet("refused"), unix.EPERM, "set without CAP_NET_ADMIN")
			_, err := s.tryGet(uapi.SocketOpsGet)
			wantErrno(t, err, nil, "get of the greeting without CAP_NET_ADMIN")
		}
	})
	s.store(t, "heard")
	got := slices.DeleteFunc(said(t, log), func(line string) bool { return strings.Contains(line, "send_msg") })
	if want := []string{"sockopt: recv_msg()", "recv_msg: umsg = heard. ret = 0"}; !slices.Equal(got, want) {
		t.Errorf("kernel log of sets, after a thousand without CAP_NET_ADMIN and one with it: got %q, want %q", got, want)
	}
}

// The kernel's log is a ring, and in one that is full new lines take the place of
// old ones.
func TestFullLogTakesNewLines(t *testing.T) {
	guest.Fresh(t) // what fills the log would hide other tests' lines
	reload(t)
	s, log := newSocket(t), guest.WatchKernelLog(t)
	fillKernelLog(t, log)
	s.store(t, "to a full log")
	_, err := s.tryGet(uapi.SocketOpsGet)
	wantErrno(t, err, nil, "get of the greeting with a full log")
	wantSaid(t, log, "calls with a full log", "sockopt: recv_msg()", "recv_msg: umsg = to a full log. ret = 0",
		"sockopt: send_msg()", "send_msg: umsg = --------kernel---------. ret = 0. success")
}

// fillKernelLog logs more than the kernel's log holds, in steps small enough for
// the harness, which must not miss any of it.
func fillKernelLog(t *testing.T, log *guest.KernelLog) {
	t.Helper()
	kmsg, err := os.OpenFile("/dev/kmsg", os.O_WRONLY, 0)
	if err != nil {
		t.Fatalf("open the kernel's log: %v", err)
	}
	defer kmsg.Close()
	size, err := unix.Klogctl(unix.SYSLOG_ACTION_SIZE_BUFFER, nil)
	if err != nil {
		t.Fatalf("ask for the size of the kernel's log: %v", err)
	}
	line := "<7>" + strings.Repeat("f", 900) // level debug, which no console shows
	for logged, piece := 0, 0; logged < size*5/4; logged += len(line) {
		if _, err := kmsg.WriteString(line); err != nil {
			t.Fatalf("write to the kernel's log: %v", err)
		}
		if piece += len(line); piece > size/8 {
			piece = 0
			log.Records()
			awaitIdle(t, 1)
		}
	}
}

// awaitIdle waits until no thread of a process has anything to do. The kernel may
// wake up those that read its log at its next tick only.
func awaitIdle(t *testing.T, process int) {
	t.Helper()
	const tick = 20 * time.Millisecond // at least
	time.Sleep(tick)
	busy := func() bool {
		files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", process))
		if err != nil || len(files) == 0 {
			t.Fatalf("list threads of process %d: %v", process, err)
		}
		return slices.ContainsFunc(files, func(file string) bool {
			stat, err := os.ReadFile(file) // a thread that is gone is not busy
			_, state, _ := strings.Cut(string(stat), ") ")
			return err == nil && !strings.HasPrefix(state, "S")
		})
	}
	for deadline := time.Now().Add(patience); busy(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("process %d is still busy after %v", process, patience)
		}
	}
}
