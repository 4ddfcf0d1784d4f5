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

// info is the level of every line that the module logs.
const info = 6

// reload unloads and loads the module, which resets its rate limits.
func reload(t *testing.T) {
	t.Helper()
	guest.UnloadModule(t, module)
	guest.LoadModule(t, module)
}

// moduleLines returns the lines that the module logged. As on a console, a newline
// inside a record begins a new line, so a forged line is returned like any other.
func moduleLines(t *testing.T, log *guest.KernelLog) []string {
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

// wantLogged checks the lines that the module logged.
func wantLogged(t *testing.T, log *guest.KernelLog, when string, want ...string) {
	t.Helper()
	if got := moduleLines(t, log); !slices.Equal(got, want) {
		t.Fatalf("kernel log after %s: got %q, want %q", when, got, want)
	}
}

func TestLoadAndUnloadAreLogged(t *testing.T) {
	log := guest.WatchKernelLog(t)
	guest.UnloadModule(t, module)
	wantLogged(t, log, "unloading", "sockopt: fini_sockopt()")
	guest.LoadModule(t, module)
	wantLogged(t, log, "unloading and loading", "sockopt: fini_sockopt()", "sockopt: init_sockopt()")
}

func TestSetIsLogged(t *testing.T) {
	reload(t)
	s, log := newSocket(t), guest.WatchKernelLog(t)
	s.store(t, "hello")
	wantLogged(t, log, "a set", "sockopt: recv_msg()", "recv_msg: umsg = hello. ret = 0")
}

func TestGreetingIsLogged(t *testing.T) {
	reload(t)
	s, log := newSocket(t), guest.WatchKernelLog(t)
	_, err := s.tryGet(uapi.SocketOpsGet)
	wantErrno(t, err, nil, "get of the greeting")
	wantLogged(t, log, "a get of the greeting",
		"sockopt: send_msg()", "send_msg: umsg = --------kernel---------. ret = 0. success")
}

// A get of the greeting that fails logs its first line only.
func TestRefusedGreetingLogsNoSuccess(t *testing.T) {
	reload(t)
	s, log := newSocket(t), guest.WatchKernelLog(t)
	_, err := s.get(uapi.SocketOpsGet, 0, 1)
	wantErrno(t, err, unix.EFAULT, "get of the greeting into no memory")
	wantLogged(t, log, "a refused get of the greeting", "sockopt: send_msg()")
}

func TestOtherGetsAreNotLogged(t *testing.T) {
	reload(t)
	s, log := newSocket(t), guest.WatchKernelLog(t)
	s.wantLast(t, "", "in a new namespace")
	s.stats(t)
	wantLogged(t, log, "gets of the last message and the counters")
}

// A set that fails because of its message logs its first line only. A set without
// the capability logs nothing.
func TestRefusedSetLogsNoMessage(t *testing.T) {
	const text = "in vain"
	reload(t)
	s, log := newSocket(t), guest.WatchKernelLog(t)
	long := message(t, text+strings.Repeat(".", uapi.SocketOpsMsgMax))
	wantErrno(t, s.set(uapi.SocketOpsSet, long.address, int32(len(long.data))), unix.EINVAL, "set of too many bytes")
	short := message(t, text)
	wantErrno(t, s.set(uapi.SocketOpsSet, short.address, int32(len(text)+1)), unix.EFAULT, "set of memory that cannot be read to its end")
	guest.DropCapabilities(t)
	wantErrno(t, s.trySet(text), unix.EPERM, "set without CAP_NET_ADMIN")
	wantLogged(t, log, "refused sets", "sockopt: recv_msg()", "sockopt: recv_msg()")
	for _, record := range log.Records() {
		if record.Facility == 0 && strings.Contains(record.Text, text) {
			t.Errorf("kernel log after refused sets: got %q", record.Text)
		}
	}
}

func TestLoggedMessageCannotForgeLine(t *testing.T) {
	cases := []struct{ name, message, logged string }{
		{"empty", "", ""},
		{"trailing NUL", "text\x00", "text"},
		{"two trailing NULs", "text\x00\x00", `text\x00`},
		{"NUL inside", "one\x00two", `one\x00two`},
		{"newline", "x. ret = 0\nsockopt: fini_sockopt()", `x. ret = 0\x0asockopt: fini_sockopt()`},
		{"trailing newline", "text\n", `text\x0a`},
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
		cases = append(cases, struct{ name, message, logged string }{fmt.Sprintf("bytes from %d", first), message, logged})
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			reload(t)
			s, log := newSocket(t), guest.WatchKernelLog(t)
			s.store(t, c.message)
			wantLogged(t, log, "a set", "sockopt: recv_msg()", "recv_msg: umsg = "+c.logged+". ret = 0")
		})
	}
}

// At most limitBurst sets and limitBurst greetings are logged in a limitPeriod,
// which begins with the first of them.
const (
	limitPeriod = 5 * time.Second
	limitBurst  = 10
)

// All namespaces share the limits, because anyone can create namespaces.
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
	periods := int(time.Since(begun)/limitPeriod) + 1 // at most, for sets as for gets
	lines := moduleLines(t, log)
	if few := 2 * limitBurst * 2 * periods; len(lines) > few {
		t.Fatalf("%d sets and %d gets logged %d lines, want at most %d", calls, calls, len(lines), few)
	}
	wantPairs(t, lines, "sockopt: recv_msg()", "recv_msg: umsg = again. ret = 0")
	wantPairs(t, lines, "sockopt: send_msg()", "send_msg: umsg = --------kernel---------. ret = 0. success")
}

// wantPairs checks that lines contains first and second only as pairs of adjacent
// lines, and at least one pair.
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

// A caller without the capability cannot exhaust the limit of sets, neither with
// sets that fail nor with gets of the greeting.
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
	got := slices.DeleteFunc(moduleLines(t, log), func(line string) bool { return strings.Contains(line, "send_msg") })
	if want := []string{"sockopt: recv_msg()", "recv_msg: umsg = heard. ret = 0"}; !slices.Equal(got, want) {
		t.Errorf("kernel log of 1000 sets without CAP_NET_ADMIN and one with it: got %q, want %q", got, want)
	}
}

// The kernel log is a ring buffer: if it is full, new records replace old ones.
func TestFullLogTakesNewLines(t *testing.T) {
	guest.Fresh(t) // the records that fill the log would replace those of other tests
	reload(t)
	s, log := newSocket(t), guest.WatchKernelLog(t)
	fillKernelLog(t, log)
	s.store(t, "to a full log")
	_, err := s.tryGet(uapi.SocketOpsGet)
	wantErrno(t, err, nil, "get of the greeting with a full log")
	wantLogged(t, log, "calls with a full log", "sockopt: recv_msg()", "recv_msg: umsg = to a full log. ret = 0",
		"sockopt: send_msg()", "send_msg: umsg = --------kernel---------. ret = 0. success")
}

// fillKernelLog writes more than the kernel log holds, in steps small enough that
// the harness reads every record before it is replaced.
func fillKernelLog(t *testing.T, log *guest.KernelLog) {
	t.Helper()
	kmsg, err := os.OpenFile("/dev/kmsg", os.O_WRONLY, 0)
	if err != nil {
		t.Fatalf("open the kernel log: %v", err)
	}
	defer kmsg.Close()
	size, err := unix.Klogctl(unix.SYSLOG_ACTION_SIZE_BUFFER, nil)
	if err != nil {
		t.Fatalf("get the size of the kernel log: %v", err)
	}
	line := "<7>" + strings.Repeat("f", 900) // level debug, which the console does not print
	for logged, piece := 0, 0; logged < size*5/4; logged += len(line) {
		if _, err := kmsg.WriteString(line); err != nil {
			t.Fatalf("write to the kernel log: %v", err)
		}
		if piece += len(line); piece > size/8 {
			piece = 0
			log.Records()
			awaitIdle(t, 1)
		}
	}
}

// awaitIdle waits until all threads of a process sleep. The kernel may wake readers
// of the kernel log as late as its next tick.
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
			stat, err := os.ReadFile(file) // a thread that has ended is not busy
			_, state, _ := strings.Cut(string(stat), ") ")
			return err == nil && !strings.HasPrefix(state, "S")
		})
	}
	for deadline := time.Now().Add(timeout); busy(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("process %d is still busy after %v", process, timeout)
		}
	}
}
