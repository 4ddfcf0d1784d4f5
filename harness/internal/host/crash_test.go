package host

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// machineTale is what one machine told before it died.
type machineTale struct {
	stdout string // each line begins with ^ in place of the marker
	marks  string // separated by "; "
}

// tell has a narrator hear it, and the machine die.
func (m machineTale) tell(t *testing.T, n *narrator) {
	t.Helper()
	l := newLogger()
	n.follow(l.course)
	for step := range strings.SplitSeq(m.marks, "; ") {
		l.mark(step)
	}
	if _, err := n.Write([]byte(strings.ReplaceAll(m.stdout, "^", marker))); err != nil {
		t.Fatal(err)
	}
	if err := n.flush(); err != nil {
		t.Fatal(err)
	}
	if err := n.crash(death{reason: "the machine died", ofKernel: true}); err != nil {
		t.Fatal(err)
	}
}

var seconds = regexp.MustCompile(`\d+\.\d\ds`)

func TestMachineTakesOnlyRunningTestsAlong(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		tale machineTale
		want string
		rest []part
	}{
		"one test": {
			machineTale{"^=== RUN   TestA\n^>>> 0 TestA\n", "run TestA"},
			"--- FAIL: TestA (Ns)\n    the machine died\n",
			[]part{{turns: "but 0"}},
		},
		"the second of three": {
			machineTale{
				"^=== RUN   TestA\n^>>> 0 TestA\n^    log\n^<<< 2\n^--- FAIL: TestA (0.10s)\n^=== RUN   TestB\n^>>> 1 TestB\n",
				"run TestA; end TestA FAIL 0.10s; run TestB",
			},
			"--- FAIL: TestA (Ns)\n    log\n--- FAIL: TestB (Ns)\n    the machine died\n",
			[]part{{turns: "but 0,1"}},
		},
		"of which nothing came through": {
			machineTale{"^=== RUN   TestA\n^>>> 0 TestA\n^<<< 2\n^--- PASS: TestA (0.10s)\n", "run TestA; end TestA PASS 0.10s; run TestB"},
			"--- FAIL: TestB (Ns)\n    the machine died\n",
			[]part{{turns: "but 0,1"}},
		},
		"whose result only the log has": {
			machineTale{"^=== RUN   TestA\n^>>> 0 TestA\n", "run TestA; end TestA FAIL 0.10s; run TestB"},
			"--- FAIL: TestA (Ns)\n    what the test had logged last was lost with the machine\n--- FAIL: TestB (Ns)\n    the machine died\n",
			[]part{{turns: "but 0,1"}},
		},
		"a subtest among others": {
			machineTale{
				"^=== RUN   TestA\n^>>> 0 TestA\n^=== RUN   TestA/x\n^<<< 3\n^--- PASS: TestA/x (0.10s)\n^=== RUN   TestA/y.z\n",
				"run TestA; run TestA/x; end TestA/x PASS 0.10s; run TestA/y.z",
			},
			"",
			[]part{{turns: "only 0", skip: `^TestA$/^x$|^TestA$/^y\.z$`}, {turns: "but 0"}},
		},
		"one that waits for its turn": {
			machineTale{
				"^=== RUN   TestA\n^>>> 0 TestA\n^=== PAUSE TestA\n^=== RUN   TestB\n^>>> 1 TestB\n", "run TestA; pause TestA; run TestB",
			},
			"--- FAIL: TestB (Ns)\n    the machine died\n",
			[]part{{turns: "but 1"}},
		},
	} {
		var out bytes.Buffer
		n := newNarrator(&out, "false")
		c.tale.tell(t, n)
		if got := seconds.ReplaceAllString(out.String(), "Ns"); got != c.want {
			t.Errorf("%s: prints %q, want %q", name, got, c.want)
		}
		if got := n.rest(); !slices.Equal(got, c.rest) {
			t.Errorf("%s: left are %q, want %q", name, got, c.rest)
		}
	}
}

// The test around a subtest that died ends when the next machine has run what was
// left of it, and its output is one.
func TestRestOfSubtestsComesFromNextMachine(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	n := newNarrator(&out, "false")
	machineTale{"^=== RUN   TestA\n^>>> 4 TestA\n^    before\n^=== RUN   TestA/x\n", "run TestA; run TestA/x"}.tell(t, n)
	l := newLogger()
	n.follow(l.course)
	for _, mark := range []string{"run TestA", "run TestA/y", "end TestA/y FAIL 0.10s", "end TestA PASS 0.20s"} {
		l.mark(mark)
	}
	text := "^=== RUN   TestA\n^>>> 4 TestA\n^=== RUN   TestA/y\n^    bad\n^<<< 3\n^--- FAIL: TestA/y (0.10s)\n^<<< 4\n^--- PASS: TestA (0.20s)\n"
	if _, err := n.Write([]byte(strings.ReplaceAll(text, "^", marker))); err != nil {
		t.Fatal(err)
	}
	want := "--- FAIL: TestA (Ns)\n    before\n    --- FAIL: TestA/x (Ns)\n        the machine died\n    --- FAIL: TestA/y (Ns)\n        bad\n"
	if got := seconds.ReplaceAllString(out.String(), "Ns"); got != want {
		t.Errorf("prints\n%s, want\n%s", got, want)
	}
	if got := n.rest(); !slices.Equal(got, []part{{turns: "but 4"}}) {
		t.Errorf("left are %q", got)
	}
}

// A subtest that dies again and again does not keep machines busy for ever.
func TestTestThatDiesAgainIsGivenUp(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	n := newNarrator(&out, "false")
	tale := machineTale{"^=== RUN   TestA\n^>>> 0 TestA\n^=== RUN   TestA/x\n", "run TestA; run TestA/x"}
	tale.tell(t, n)
	tale.tell(t, n)
	// A second round of -test.count is not the same test.
	machineTale{"^=== RUN   TestA\n^>>> 1 TestA\n^=== RUN   TestA/x\n", "run TestA; run TestA/x"}.tell(t, n)
	if got := n.rest(); len(got) != 2 || got[0].turns != "only 1" {
		t.Errorf("left of the second round are %q", got)
	}
	delete(n.nodes, "TestA")
	delete(n.ended, 1)
	if got := n.rest(); !slices.Equal(got, []part{{turns: "but 0"}}) {
		t.Errorf("left are %q", got)
	}
	if got := strings.Count(out.String(), "--- FAIL: TestA ("); got != 1 {
		t.Errorf("TestA ended %d times:\n%s", got, out.String())
	}
}

// A result is printed when the log has been read up to where the test ended.
func TestResultWaitsForLog(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	n := newNarrator(&out, "true")
	l := newLogger()
	n.follow(l.course)
	l.mark("run TestA")
	text := "^=== RUN   TestA\n^>>> 0 TestA\n^<<< 2\n^--- PASS: TestA (0.10s)\nprinted later\n"
	if _, err := n.Write([]byte(strings.ReplaceAll(text, "^", marker))); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); got != "=== RUN   TestA\n" {
		t.Errorf("printed %q before the log was read", got)
	}
	l.warn("f")
	l.mark("end TestA PASS 0.10s")
	if err := n.pump(false); err != nil {
		t.Fatal(err)
	}
	want := regexp.MustCompile(`(?s)^=== RUN   TestA\n    kernel fault \(warning\): WARNING in f \[m\]\n.*end trace.*\n--- FAIL: TestA \(0\.10s\)\nprinted later\n$`)
	if !want.MatchString(out.String()) {
		t.Errorf("printed\n%s", out.String())
	}
	if !n.faulty || !l.course.hasTold(l.course.findings()[0]) {
		t.Error("nobody knows of it")
	}
}

// What has run in a machine that died does not run again, however little of it
// came through on standard output.
func TestTestsThatHaveRunAreNotLeft(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		tale machineTale
		turn string
	}{
		"the log alone tells of some": {
			machineTale{"^=== RUN   TestA\n^>>> 0 TestA\n", "run TestA; end TestA PASS 0.10s; run TestB; end TestB PASS 0.1s; run TestC"},
			"but 0,1,2",
		},
		"the number did not come": {
			machineTale{"^=== RUN   TestA\n", "run TestA; end TestA PASS 0.10s; run TestB"},
			"but 0,1",
		},
		"something else was printed before the number": {
			machineTale{
				"^=== RUN   TestA\n^>>> 0 TestA\n^<<< 2\n^--- PASS: TestA (0.1s)\n^=== RUN   TestB\nother\n^>>> 1 TestB\n",
				"run TestA; end TestA PASS 0.10s; run TestB",
			},
			"but 0,1",
		},
	} {
		n := newNarrator(&bytes.Buffer{}, "false")
		c.tale.tell(t, n)
		if got := n.rest(); !slices.Equal(got, []part{{turns: c.turn}}) {
			t.Errorf("%s: left are %q, want %q", name, got, c.turn)
		}
	}
}

// With -test.failfast a machine ends in the middle of tests: what is known of
// those that failed is printed.
func TestCutShortTestsAreTold(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	n := newNarrator(&out, "false")
	n.first = true
	l := newLogger()
	n.follow(l.course)
	l.mark("run TestA")
	l.mark("run TestA/x")
	l.warn("f")
	l.mark("end TestA/x PASS 0.1s")
	told := "^=== RUN   TestA\n^>>> 0 TestA\n^=== RUN   TestA/x\n^<<< 3\n^--- PASS: TestA/x (0.10s)\n"
	if _, err := n.Write([]byte(strings.ReplaceAll(told, "^", marker))); err != nil {
		t.Fatal(err)
	}
	if err := n.flush(); err != nil {
		t.Fatal(err)
	}
	if err := n.cutShort(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"--- FAIL: TestA (", "    --- FAIL: TestA/x (0.10s)", "WARNING in f"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("printed is\n%s\nwant also %q", out.String(), want)
		}
	}
}
