package testoutput

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A machine dies as its test TestA expected. Before, that test has printed what the lines
// about another one look like. Whether that one has run is known from marks alone.
func TestPrintedLinesEndNoTest(t *testing.T) {
	t.Parallel()
	const begun = "^=== RUN   TestA\n^>>> 0 TestA\n"
	for name, c := range map[string]struct {
		output machineOutput
		rest   []Selection
	}{
		"a whole test": {
			machineOutput{begun + "^=== RUN   TestB\n^>>> 1 TestB\n^--- PASS: TestB (0.00s)\n", "run TestA 0"},
			[]Selection{{Turns: "but 0"}},
		},
		"an end with a number": {
			machineOutput{begun + "^=== RUN   TestB\n^>>> 1 TestB\n^<<< 1\n^--- PASS: TestB (0.00s)\n", "run TestA 0"},
			[]Selection{{Turns: "but 0"}},
		},
		"a test that does not end": {
			machineOutput{begun + "^=== RUN   TestB\n^>>> 1 TestB\n", "run TestA 0"},
			[]Selection{{Turns: "but 0"}},
		},
		"another number": {
			machineOutput{begun + "^>>> 1 TestA\n", "run TestA 0"},
			[]Selection{{Turns: "but 0"}},
		},
		"another number, and an end": {
			machineOutput{begun + "^>>> 2 TestA\n^<<< 2\n^--- PASS: TestA (0.00s)\n", "run TestA 0; end TestA PASS 0.00s; run TestB 1"},
			[]Selection{{Turns: "but 0,1"}},
		},
		"the end of a subtest": {
			machineOutput{
				begun + "^=== RUN   TestA/x\n^=== RUN   TestA/y\n^--- PASS: TestA/y (0.00s)\n",
				"run TestA 0; run TestA/x",
			},
			[]Selection{{Turns: "only 0", Skip: "^TestA$/^x$"}, {Turns: "but 0"}},
		},
		"a mark that was lost": {
			machineOutput{begun + "^<<< 2\n^--- PASS: TestA (0.00s)\n^=== RUN   TestB\n^>>> 1 TestB\n", "pause TestA; pause TestA; run TestB 1"},
			[]Selection{{Turns: "but 1"}},
		},
	} {
		r := NewReporter(&bytes.Buffer{}, Options{})
		c.output.replay(t, r)
		if got := r.Remaining(); !slices.Equal(got, c.rest) {
			t.Errorf("%s: remaining: %+v, want %+v", name, got, c.rest)
		}
		if running := r.Running(); len(running) > len(c.rest)-1 {
			t.Errorf("%s: %q count as running after the machine's death", name, running)
		}
	}
}

// Without numbers of the guest's, a test whose end the marks lack is not skipped either.
func TestPrintedLinesEndNoForeignTest(t *testing.T) {
	t.Parallel()
	r := NewReporter(&bytes.Buffer{}, Options{Foreign: true})
	machineOutput{
		"^=== RUN   TestA\n^>>> 0 TestA\n^=== RUN   TestB\n^>>> 1 TestB\n^--- PASS: TestB (0.00s)\n", "run TestA",
	}.replay(t, r)
	if got, want := r.Remaining(), []Selection{{Skip: "^TestA$"}}; !slices.Equal(got, want) {
		t.Errorf("remaining: %+v, want %+v", got, want)
	}
}

// The output and the mark may differ only if the output was forged: the graver result counts.
func TestFailureInMarkOrOutputCounts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		mark, output string
		failed       bool
	}{
		{"PASS", "PASS", false},
		{"SKIP", "SKIP", false},
		{"FAIL", "FAIL", true},
		{"FAIL", "PASS", true},
		{"FAIL", "SKIP", true},
		{"PASS", "FAIL", true},
	} {
		l := newLogger()
		r, out := follow(l, "false")
		l.mark("run TestA 0")
		l.mark("end TestA " + c.mark + " 0.00s")
		report(t, r, "^=== RUN   TestA\n^>>> 0 TestA\n^<<< 2\n^--- "+c.output+": TestA (0.00s)\n")
		if printed := strings.Contains(out.String(), "--- FAIL: TestA (0.00s)\n"); r.Failed != c.failed || printed != c.failed {
			t.Errorf("the mark says %s, the output %s: failed %v, printed as such %v, want %v", c.mark, c.output, r.Failed, printed, c.failed)
		}
		if odd := strings.Contains(out.String(), "another result"); odd != (c.mark == "FAIL" && c.output != "FAIL") {
			t.Errorf("the mark says %s, the output %s: it prints\n%s", c.mark, c.output, out)
		}
	}
}

// An end that no mark confirms is printed: if the machine does not die, its exit code decides.
func TestUnconfirmedEndIsPrinted(t *testing.T) {
	t.Parallel()
	l := newLogger()
	r, out := follow(l, "true")
	report(t, r, "=== RUN   TestA\n^>>> 0 TestA\n^<<< 2\n^--- PASS: TestA (0.00s)\n")
	if err := r.Flush(); err != nil {
		t.Fatal(err)
	}
	if got, want := out.String(), "=== RUN   TestA\n--- PASS: TestA (0.00s)\n"; got != want || r.Failed || len(r.Running()) != 0 {
		t.Errorf("prints %q, want %q; failed %v, running %q", got, want, r.Failed, r.Running())
	}
}

// A program that a test starts may print the lines of its own tests. They stay as they are,
// and begin no test.
func TestLinesOfOtherProgramsAreOutput(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, want string }{
		"a test that does not end": {"=== RUN   TestGhost\nits output\n", "=== RUN   TestGhost\nits output\n"},
		"a test that ends":         {"=== RUN   TestGhost\n--- PASS: TestGhost (0.00s)\nPASS\n", "=== RUN   TestGhost\n--- PASS: TestGhost (0.00s)\nPASS\n"},
		"nothing after it":         {"=== RUN   TestGhost\n", "=== RUN   TestGhost\n"},
		"two tests":                {"=== RUN   TestGhost\n=== RUN   TestOther\n", "=== RUN   TestGhost\n=== RUN   TestOther\n"},
		"the test itself":          {"=== RUN   TestA\n--- PASS: TestA (0.00s)\n", "=== RUN   TestA\n--- PASS: TestA (0.00s)\n"},
		"a subtest":                {"=== RUN   TestA/x\nits output\n", "=== RUN   TestA/x\nits output\n"},
		"the next test":            {"=== RUN   TestB\nits output\n", "=== RUN   TestB\nits output\n"},
		"a log after it":           {"=== RUN   TestGhost\n^    a.go:1: log\n", "=== RUN   TestGhost\n    a.go:1: log\n"},
	} {
		l := newLogger()
		r, out := follow(l, "true")
		for _, mark := range []string{"run TestA 0", "end TestA PASS 0.00s", "run TestB 1", "end TestB PASS 0.00s"} {
			l.mark(mark)
		}
		report(t, r, "=== RUN   TestA\n^>>> 0 TestA\n"+c.text+"^<<< 2\n^--- PASS: TestA (0.00s)\n^=== RUN   TestB\n^>>> 1 TestB\n")
		if running := r.Running(); !slices.Equal(running, []string{"TestB"}) {
			t.Errorf("%s: %q run, want TestB", name, running)
		}
		report(t, r, "^<<< 4\n^--- PASS: TestB (0.00s)\n")
		if err := r.Flush(); err != nil {
			t.Fatal(err)
		}
		want := "=== RUN   TestA\n" + c.want + "--- PASS: TestA (0.00s)\n=== RUN   TestB\n--- PASS: TestB (0.00s)\n"
		if out.String() != want || r.Failed {
			t.Errorf("%s: prints\n%s\nwant\n%s\nfailed: %v", name, out, want, r.Failed)
		}
	}
}

// Another process may print something after the beginning of the first test, and before the
// number that confirms it.
func TestBeginningIsPrintedOnce(t *testing.T) {
	t.Parallel()
	for name, died := range map[string]bool{"the number comes": false, "the machine dies": true} {
		l := newLogger()
		r, out := follow(l, "true")
		report(t, r, "=== RUN   TestA\nother\n")
		if died {
			l.mark("run TestA 0")
			if err := r.Flush(); err != nil {
				t.Fatal(err)
			}
			if err := r.Died(Death{Reason: "dead"}); err != nil {
				t.Fatal(err)
			}
		} else {
			report(t, r, "^>>> 0 TestA\n")
		}
		if got := out.String(); strings.Count(got, "=== RUN   TestA\n") != 1 {
			t.Errorf("%s: prints\n%s", name, got)
		}
		if n := len(r.Running()); (n == 1) == died {
			t.Errorf("%s: %d tests run", name, n)
		}
	}
}

// The marks have the numbers of top-level tests, as output can be forged.
func TestMarksHaveNumbersOfTests(t *testing.T) {
	t.Parallel()
	log := filepath.Join(t.TempDir(), "log")
	if err := os.WriteFile(log, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	raw, _ := runSample(t, sample(t), log, nil, "-test.count=2", "-test.run=Passes|LogsAround")
	marks, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	told := regexp.MustCompile(`(?m)^`+marker+`>>> (\d+) (\S+)$`).FindAllStringSubmatch(raw, -1)
	if len(told) < 4 {
		t.Fatalf("%d tests began, want at least 4:\n%s", len(told), raw)
	}
	for _, test := range told {
		if !regexp.MustCompile(`(?m)kmodtest: run ` + test[2] + ` ` + test[1] + ` #\d+ \S+$`).Match(marks) {
			t.Errorf("no mark has number %s of %s:\n%s", test[1], test[2], marks)
		}
	}
}
