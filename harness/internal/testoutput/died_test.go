package testoutput

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// machineOutput is what one machine sent before it died.
type machineOutput struct {
	stdout string // each line begins with ^ in place of the marker
	marks  string // separated by "; "
}

// replay passes the output to a Reporter, and lets the machine die.
func (m machineOutput) replay(t *testing.T, r *Reporter) {
	t.Helper()
	l := newLogger()
	r.Follow(l.timeline)
	for step := range strings.SplitSeq(m.marks, "; ") {
		l.mark(step)
	}
	if _, err := r.Write([]byte(strings.ReplaceAll(m.stdout, "^", marker))); err != nil {
		t.Fatal(err)
	}
	if err := r.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := r.Died(Death{Reason: "the machine died", OfKernel: true}); err != nil {
		t.Fatal(err)
	}
}

var seconds = regexp.MustCompile(`\d+\.\d\ds`)

func TestMachineTakesOnlyRunningTestsAlong(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		output machineOutput
		want   string
		rest   []Selection
	}{
		"one test": {
			machineOutput{"^=== RUN   TestA\n^>>> 0 TestA\n", "run TestA 0"},
			"--- FAIL: TestA (Ns)\n    the machine died\n",
			[]Selection{{Turns: "but 0"}},
		},
		"the second of three": {
			machineOutput{
				"^=== RUN   TestA\n^>>> 0 TestA\n^    log\n^<<< 2\n^--- FAIL: TestA (0.10s)\n^=== RUN   TestB\n^>>> 1 TestB\n",
				"run TestA 0; end TestA FAIL 0.10s; run TestB 1",
			},
			"--- FAIL: TestA (Ns)\n    log\n--- FAIL: TestB (Ns)\n    the machine died\n",
			[]Selection{{Turns: "but 0,1"}},
		},
		"one without output": {
			machineOutput{"^=== RUN   TestA\n^>>> 0 TestA\n^<<< 2\n^--- PASS: TestA (0.10s)\n", "run TestA 0; end TestA PASS 0.10s; run TestB 1"},
			"--- FAIL: TestB (Ns)\n    the machine died\n",
			[]Selection{{Turns: "but 0,1"}},
		},
		"one whose result only the kernel log has": {
			machineOutput{"^=== RUN   TestA\n^>>> 0 TestA\n", "run TestA 0; end TestA FAIL 0.10s; run TestB 1"},
			"--- FAIL: TestA (Ns)\n    the last lines that the test logged were lost with the machine\n--- FAIL: TestB (Ns)\n    the machine died\n",
			[]Selection{{Turns: "but 0,1"}},
		},
		"a subtest among others": {
			machineOutput{
				"^=== RUN   TestA\n^>>> 0 TestA\n^=== RUN   TestA/x\n^<<< 3\n^--- PASS: TestA/x (0.10s)\n^=== RUN   TestA/y.z\n",
				"run TestA 0; run TestA/x; end TestA/x PASS 0.10s; run TestA/y.z",
			},
			"",
			[]Selection{{Turns: "only 0", Skip: `^TestA$/^x$|^TestA$/^y\.z$`}, {Turns: "but 0"}},
		},
		"one that waits for its turn": {
			machineOutput{
				"^=== RUN   TestA\n^>>> 0 TestA\n^=== PAUSE TestA\n^=== RUN   TestB\n^>>> 1 TestB\n", "run TestA 0; pause TestA; run TestB 1",
			},
			"--- FAIL: TestB (Ns)\n    the machine died\n",
			[]Selection{{Turns: "but 1"}},
		},
	} {
		var out bytes.Buffer
		r := NewReporter(&out, Options{})
		c.output.replay(t, r)
		if got := seconds.ReplaceAllString(out.String(), "Ns"); got != c.want {
			t.Errorf("%s: prints %q, want %q", name, got, c.want)
		}
		if got := r.Remaining(); !slices.Equal(got, c.rest) {
			t.Errorf("%s: remaining: %+v, want %+v", name, got, c.rest)
		}
	}
}

// The parent of a subtest that died ends when the next machine has run its other
// subtests. Its output is printed as a whole.
func TestRestOfSubtestsComesFromNextMachine(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	r := NewReporter(&out, Options{})
	machineOutput{"^=== RUN   TestA\n^>>> 4 TestA\n^    before\n^=== RUN   TestA/x\n", "run TestA 4; run TestA/x"}.replay(t, r)
	l := newLogger()
	r.Follow(l.timeline)
	for _, mark := range []string{"run TestA 4", "run TestA/y", "end TestA/y FAIL 0.10s", "end TestA PASS 0.20s"} {
		l.mark(mark)
	}
	text := "^=== RUN   TestA\n^>>> 4 TestA\n^=== RUN   TestA/y\n^    bad\n^<<< 3\n^--- FAIL: TestA/y (0.10s)\n^<<< 4\n^--- PASS: TestA (0.20s)\n"
	if _, err := r.Write([]byte(strings.ReplaceAll(text, "^", marker))); err != nil {
		t.Fatal(err)
	}
	want := "--- FAIL: TestA (Ns)\n    before\n    --- FAIL: TestA/x (Ns)\n        the machine died\n    --- FAIL: TestA/y (Ns)\n        bad\n"
	if got := seconds.ReplaceAllString(out.String(), "Ns"); got != want {
		t.Errorf("prints\n%s, want\n%s", got, want)
	}
	if got := r.Remaining(); !slices.Equal(got, []Selection{{Turns: "but 4"}}) {
		t.Errorf("left are %+v", got)
	}
}

// Without numbers of the guest's, the rest of a round is selected by names.
func TestRoundsGoOnInNextMachine(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	r := NewReporter(&out, Options{Foreign: true, Count: 3})
	run := func(names ...string) {
		for _, name := range names {
			r.tests.begin(name, name)
			r.tests.end(r.tests.open[name], true)
		}
	}
	for _, machine := range []struct {
		runs string
		want []Selection
	}{
		{"TestA", []Selection{{Skip: "^TestA$", Count: 1}, {Count: 2}}},
		{"TestB TestC TestA TestB", []Selection{{Skip: "^TestA$|^TestB$", Count: 1}, {Count: 1}}},
		{"TestC", []Selection{{Count: 1}}}, // the round is complete
		{"TestA TestB", []Selection{{Skip: "^TestA$|^TestB$", Count: 1}}},
	} {
		run(strings.Fields(machine.runs)...)
		if got := r.Remaining(); !slices.Equal(got, machine.want) {
			t.Errorf("after %s: left are %+v, want %+v", machine.runs, got, machine.want)
		}
	}
}

// Of a binary without package events, the kernel log may have the beginning of a test that
// standard output does not have, or standard output may lack its number.
func TestTestWithLostBeginningIsNotRepeated(t *testing.T) {
	t.Parallel()
	for name, stdout := range map[string]string{
		"no beginning": "", "no number": "^=== RUN   TestB\n", "all": "^=== RUN   TestB\n^>>> 1 TestB\n",
	} {
		var out bytes.Buffer
		r := NewReporter(&out, Options{Foreign: true})
		machineOutput{
			"^=== RUN   TestA\n^>>> 0 TestA\n^<<< 2\n^--- PASS: TestA (0.10s)\n" + stdout,
			"run TestA; end TestA PASS 0.10s; run TestB",
		}.replay(t, r)
		if got, want := r.Remaining(), []Selection{{Skip: "^TestA$|^TestB$"}}; !slices.Equal(got, want) {
			t.Errorf("%s: left are %+v, want %+v", name, got, want)
		}
	}
}

// A subtest that kills every machine does not use up all of them.
func TestTestThatDiesAgainIsGivenUp(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	r := NewReporter(&out, Options{})
	output := machineOutput{"^=== RUN   TestA\n^>>> 0 TestA\n^=== RUN   TestA/x\n", "run TestA 0; run TestA/x"}
	output.replay(t, r)
	output.replay(t, r)
	// A second round of -test.count is not the same test.
	machineOutput{"^=== RUN   TestA\n^>>> 1 TestA\n^=== RUN   TestA/x\n", "run TestA 1; run TestA/x"}.replay(t, r)
	if got := r.Remaining(); len(got) != 2 || got[0].Turns != "only 1" {
		t.Errorf("remaining in the second round: %+v", got)
	}
	delete(r.tests.open, "TestA")
	delete(r.tests.ended, 1)
	if got := r.Remaining(); !slices.Equal(got, []Selection{{Turns: "but 0"}}) {
		t.Errorf("left are %+v", got)
	}
	if got := strings.Count(out.String(), "--- FAIL: TestA ("); got != 1 {
		t.Errorf("TestA ended %d times:\n%s", got, out.String())
	}
}

// A result is printed when the log has been read up to where the test ended.
func TestResultWaitsForLog(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	r := NewReporter(&out, Options{Verbose: "true"})
	l := newLogger()
	r.Follow(l.timeline)
	l.mark("run TestA")
	text := "^=== RUN   TestA\n^>>> 0 TestA\n^<<< 2\n^--- PASS: TestA (0.10s)\nprinted later\n"
	if _, err := r.Write([]byte(strings.ReplaceAll(text, "^", marker))); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); got != "=== RUN   TestA\n" {
		t.Errorf("printed %q before the log was read", got)
	}
	l.warn("f")
	l.mark("end TestA PASS 0.10s")
	if err := r.Advance(); err != nil {
		t.Fatal(err)
	}
	want := regexp.MustCompile(`(?s)^=== RUN   TestA\n    kernel fault \(warning\): WARNING in f \[m\]\n.*end trace.*\n--- FAIL: TestA \(0\.10s\)\nprinted later\n$`)
	if !want.MatchString(out.String()) {
		t.Errorf("printed\n%s", out.String())
	}
	if !r.faulty || !l.timeline.Findings()[0].Printed {
		t.Error("the fault is not recorded")
	}
}

// Tests that have ended in a machine that died do not run again, even if little of
// their output arrived.
func TestTestsThatHaveRunAreNotLeft(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		output machineOutput
		turn   string
	}{
		"only the log has some results": {
			machineOutput{"^=== RUN   TestA\n^>>> 0 TestA\n", "run TestA 0; end TestA PASS 0.10s; run TestB 1; end TestB PASS 0.1s; run TestC 2"},
			"but 0,1,2",
		},
		"the number did not come": {
			machineOutput{"^=== RUN   TestA\n", "run TestA 0; end TestA PASS 0.10s; run TestB 1"},
			"but 0,1",
		},
		"something else was printed before the number": {
			machineOutput{
				"^=== RUN   TestA\n^>>> 0 TestA\n^<<< 2\n^--- PASS: TestA (0.1s)\n^=== RUN   TestB\nother\n^>>> 1 TestB\n",
				"run TestA 0; end TestA PASS 0.10s; run TestB 1",
			},
			"but 0,1",
		},
	} {
		r := NewReporter(&bytes.Buffer{}, Options{})
		c.output.replay(t, r)
		if got := r.Remaining(); !slices.Equal(got, []Selection{{Turns: c.turn}}) {
			t.Errorf("%s: remaining: %+v, want %q", name, got, c.turn)
		}
	}
}

// With -test.failfast a machine ends in the middle of tests: the known results of
// failed tests are printed.
func TestCutShortTestsAreTold(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	r := NewReporter(&out, Options{})
	r.FailFast = true
	l := newLogger()
	r.Follow(l.timeline)
	l.mark("run TestA")
	l.mark("run TestA/x")
	l.warn("f")
	l.mark("end TestA/x PASS 0.1s")
	told := "^=== RUN   TestA\n^>>> 0 TestA\n^=== RUN   TestA/x\n^<<< 3\n^--- PASS: TestA/x (0.10s)\n"
	if _, err := r.Write([]byte(strings.ReplaceAll(told, "^", marker))); err != nil {
		t.Fatal(err)
	}
	if err := r.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := r.CutShort(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"--- FAIL: TestA (", "    --- FAIL: TestA/x (0.10s)", "WARNING in f"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("printed is\n%s\nwant also %q", out.String(), want)
		}
	}
}
