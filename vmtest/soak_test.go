//go:build soak

// Tests that take minutes: they are part of make soak, not of the suite.

package vmtest

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/kmodtest/kmodtest/harness/guest"
	"github.com/kmodtest/kmodtest/kmod/uapi"
)

// A witness stands in for a test that is to fail.
type witness struct {
	testing.TB
	failed bool
	lines  []string
}

func (w *witness) Helper()      {}
func (w *witness) Failed() bool { return w.failed }
func (w *witness) Fail()        { w.failed = true }
func (w *witness) FailNow()     { w.failed = true }
func (w *witness) Logf(format string, args ...any) {
	w.lines = append(w.lines, fmt.Sprintf(format, args...))
}

func (w *witness) Log(args ...any)                   { w.lines = append(w.lines, fmt.Sprint(args...)) }
func (w *witness) Errorf(format string, args ...any) { w.failed = true; w.Logf(format, args...) }

// Each line of the model that is wrong on purpose is found by random sequences.
func TestMistakesInModelAreFound(t *testing.T) {
	const limit = time.Minute
	setRapid(t, "rapid.nofailfile", "true")
	setRapid(t, "rapid.checks", "1000")
	setRapid(t, "rapid.shrinktime", "0s")
	w := newWorld(t)
	for _, m := range mistakes {
		start, witness := time.Now(), &witness{TB: t}
		steps := checkRandomly(witness, w, m)
		if !witness.failed {
			t.Errorf("%q: not found by %d operations", m, steps)
		}
		if took := time.Since(start); took > limit {
			t.Errorf("%q: found only after %v", m, took)
		}
		t.Logf("%q: %d operations, %v", m, steps, time.Since(start).Round(time.Millisecond))
	}
}

// A sequence that fails is shrunk to what is needed of it, and the line that is
// printed shows the same fault again.
func TestFailingSequenceIsShrunkToReplay(t *testing.T) {
	setRapid(t, "rapid.nofailfile", "true")
	setRapid(t, "rapid.checks", "1000")
	setRapid(t, "rapid.shrinktime", "20s")
	w, witness := newWorld(t), &witness{TB: t}
	checkRandomly(witness, w, setTakesOneMore)
	output := strings.Join(witness.lines, "\n")
	found := regexp.MustCompile(`-replay '([^']*)'`).FindStringSubmatch(output)
	if found == nil {
		t.Fatalf("no sequence printed by a check that had to fail:\n%s", output)
	}
	ops, err := parseOperations(found[1])
	if err != nil {
		t.Fatal(err)
	}
	if len(ops) != 1 || ops[0].kind != "set" || ops[0].length != uapi.SocketOpsMsgMax+1 {
		t.Errorf("sequence that shows that a model takes 65 bytes: got %q, want one set of 65 bytes", found[1])
	}
	if err := run(w, setTakesOneMore, ops); err == nil {
		t.Errorf("%q: shows no fault when it is made again", found[1])
	}
	if err := run(w, none, ops); err != nil {
		t.Errorf("%q: shows a fault in a model without one: %v", found[1], err)
	}
}

// When a limit lets a call through again, it does not tell how many it had not:
// that would be a warning, which anybody could cause.
func TestLimitsSayNothing(t *testing.T) {
	reload(t)
	s, log := newSocket(t), guest.WatchKernelLog(t)
	greet := func() {
		_, err := s.tryGet(uapi.SocketOpsGet)
		wantErrno(t, err, nil, "get of the greeting")
	}
	for range 5 * limitBurst {
		greet()
	}
	limited := len(said(t, log))
	for deadline := time.Now().Add(patience); len(said(t, log)) == limited; time.Sleep(limitPeriod / 10) {
		if time.Now().After(deadline) {
			t.Fatalf("after %d greetings, none was logged for %v", 5*limitBurst, patience)
		}
		greet()
	}
	for _, record := range log.Records() {
		if record.Facility == 0 && (record.Level < info || strings.Contains(record.Text, "suppressed")) {
			t.Errorf("kernel log of many greetings: got %q of level %d", record.Text, record.Level)
		}
	}
}
