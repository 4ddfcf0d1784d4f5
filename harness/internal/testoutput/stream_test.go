package testoutput

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

// A test may print the beginning of a line that an event then interrupts.
func TestEventInsideOfLineIsFollowed(t *testing.T) {
	t.Parallel()
	for _, begun := range []string{
		"^--- FAIL: TestOther (1.00s)", "^--- PASS: TestA (0.00s)", "^=== RUN   TestOther", "^>>> 7 TestOther", "^<<< 7", "^    a.go:1: log", "^=== NAME  ", "^", "x^",
	} {
		for _, foreign := range []bool{false, true} {
			for _, n := range []int{1, 3, 1000} {
				l := newLogger()
				l.mark("run TestA 0")
				l.mark("end TestA PASS 0.00s")
				var out bytes.Buffer
				r := NewReporter(&out, Options{Verbose: "true", Foreign: foreign})
				r.Follow(l.timeline)
				for text := "^=== RUN   TestA\n^>>> 0 TestA\n" + begun + "^<<< 2\n^--- PASS: TestA (0.00s)\n"; text != ""; {
					piece := text[:min(n, len(text))]
					report(t, r, piece)
					text = text[len(piece):]
				}
				want := "=== RUN   TestA\n" + strings.ReplaceAll(begun, "^", marker) + "--- PASS: TestA (0.00s)\n"
				if out.String() != want || r.Failed || len(r.Running()) != 0 || !r.tests.ended[0] {
					t.Errorf("%q (foreign %v, pieces of %d bytes): prints %q, want %q; failed %v, running %q, ended %v",
						begun, foreign, n, out.String(), want, r.Failed, r.Running(), r.tests.ended)
				}
			}
		}
	}
}

// The log of a test may contain markers.
func TestMarkerInLogIsKept(t *testing.T) {
	t.Parallel()
	r, out := follow(newLogger(), "true")
	report(t, r, "^=== RUN   TestA\n^>>> 0 TestA\n^    a.go:1: a^b\n")
	if got, want := out.String(), fmt.Sprintf("=== RUN   TestA\n    a.go:1: a%sb\n", marker); got != want {
		t.Errorf("prints %q, want %q", got, want)
	}
}
