//go:build soak

// Tests that take minutes. They are part of make soak, not of the suite.

package vmtest

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/kmodtest/kmodtest/kmod/uapi"
)

// A recorder is a testing.TB for a test that is expected to fail.
type recorder struct {
	testing.TB
	failed bool
	lines  []string
}

func (w *recorder) Helper()      {}
func (w *recorder) Failed() bool { return w.failed }
func (w *recorder) Fail()        { w.failed = true }
func (w *recorder) FailNow()     { w.failed = true }
func (w *recorder) Logf(format string, args ...any) {
	w.lines = append(w.lines, fmt.Sprintf(format, args...))
}

func (w *recorder) Log(args ...any)                   { w.lines = append(w.lines, fmt.Sprint(args...)) }
func (w *recorder) Errorf(format string, args ...any) { w.failed = true; w.Logf(format, args...) }

// Random sequences find every deliberate error in the model.
func TestMistakesInModelAreFound(t *testing.T) {
	const limit = time.Minute
	setRapid(t, "rapid.nofailfile", "true")
	setRapid(t, "rapid.checks", "1000")
	setRapid(t, "rapid.shrinktime", "0s")
	w := newWorld(t)
	for _, m := range mistakes {
		start, recorder := time.Now(), &recorder{TB: t}
		steps := checkRandomly(recorder, w, m)
		if !recorder.failed {
			t.Errorf("mistake %q: not found by %d operations", m, steps)
		}
		if took := time.Since(start); took > limit {
			t.Errorf("mistake %q: found only after %v", m, took)
		}
		t.Logf("%q: %d operations, %v", m, steps, time.Since(start).Round(time.Millisecond))
	}
}

// A failing sequence is shrunk to its necessary steps, and the printed line
// reproduces the failure.
func TestFailingSequenceIsShrunkToReplay(t *testing.T) {
	setRapid(t, "rapid.nofailfile", "true")
	setRapid(t, "rapid.checks", "1000")
	setRapid(t, "rapid.shrinktime", "20s")
	w, recorder := newWorld(t), &recorder{TB: t}
	checkRandomly(recorder, w, setTakesOneMore)
	output := strings.Join(recorder.lines, "\n")
	found := regexp.MustCompile(`-replay '([^']*)'`).FindStringSubmatch(output)
	if found == nil {
		t.Fatalf("a check that had to fail printed no sequence:\n%s", output)
	}
	ops, err := parseOperations(found[1])
	if err != nil {
		t.Fatal(err)
	}
	if len(ops) != 1 || ops[0].kind != "set" || ops[0].length != uapi.SocketOpsMsgMax+1 {
		t.Errorf("sequence for a model that accepts 65 bytes: got %q, want one set of 65 bytes", found[1])
	}
	if err := run(w, setTakesOneMore, ops); err == nil {
		t.Errorf("%q: does not fail when it is repeated", found[1])
	}
	if err := run(w, none, ops); err != nil {
		t.Errorf("%q: fails with a model without a mistake: %v", found[1], err)
	}
}
