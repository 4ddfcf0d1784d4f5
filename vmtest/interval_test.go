package vmtest

import (
	"strings"
	"testing"
	"time"

	"github.com/kmodtest/kmodtest/harness/guest"
	"github.com/kmodtest/kmodtest/kmod/uapi"
)

// limited is a kind of call whose lines in the kernel log are limited.
type limited struct {
	name, second string // the second line of a call that is logged
	call         func(t *testing.T, s socket)
	begun, ended time.Time // before and after the first call
	renewed      bool      // a call was logged after the interval
}

// logged makes a call, and reports whether the module has logged it.
func (l *limited) logged(t *testing.T, s socket, log *guest.KernelLog) bool {
	t.Helper()
	before := len(moduleLines(t, log))
	l.call(t, s)
	lines := moduleLines(t, log)[before:]
	if len(lines) > 0 && (len(lines) != 2 || lines[1] != l.second) {
		t.Fatalf("kernel log after a %s: got %q, want its two lines or none", l.name, lines)
	}
	return len(lines) > 0
}

// Each limit lets limitBurst calls through, then none until limitPeriod is over, and then
// calls again, without a line about those that it has suppressed.
func TestEachLimitLastsItsInterval(t *testing.T) {
	const slack = limitPeriod / 5 // the kernel measures the interval in ticks, some of which come late on a busy host
	reload(t)
	s, log := newSocket(t), guest.WatchKernelLog(t)
	limits := []*limited{
		{name: "set", second: "recv_msg: umsg = again. ret = 0", call: func(t *testing.T, s socket) {
			t.Helper()
			s.store(t, "again")
		}},
		{name: "get of the greeting", second: "send_msg: umsg = --------kernel---------. ret = 0. success", call: func(t *testing.T, s socket) {
			t.Helper()
			_, err := s.tryGet(uapi.SocketOpsGet)
			wantErrno(t, err, nil, "get of the greeting")
		}},
	}
	for _, l := range limits {
		l.begun = time.Now()
		for i := range limitBurst {
			if !l.logged(t, s, log) {
				t.Fatalf("%s %d is not logged", l.name, i+1)
			}
			if i == 0 {
				l.ended = time.Now()
			}
		}
	}
	for left := len(limits); left > 0; time.Sleep(limitPeriod / 100) {
		for _, l := range limits {
			if l.renewed {
				continue
			}
			begin := time.Now()
			if !l.logged(t, s, log) {
				if late := begin.Sub(l.ended); late > limitPeriod+slack {
					t.Fatalf("a %s is not logged %v after the first one; the limit is %d in %v", l.name, late, limitBurst, limitPeriod)
				}
				continue
			}
			if early := time.Since(l.begun); early < limitPeriod-slack {
				t.Fatalf("%s %d is logged %v after the first one; the limit is %d in %v", l.name, limitBurst+1, early, limitBurst, limitPeriod)
			}
			l.renewed = true
			left--
		}
	}
	for _, record := range log.Records() {
		if record.Facility == 0 && (record.Level < info || strings.Contains(record.Text, "suppressed")) {
			t.Errorf("kernel log after the interval: got %q of level %d", record.Text, record.Level)
		}
	}
}
