package stdout

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/kmodtest/kmodtest/harness/internal/inside"
)

// newMarker returns a Marker, and the file that is its kernel log.
func newMarker(t *testing.T) (marks *inside.Marker, log string) {
	t.Helper()
	log = filepath.Join(t.TempDir(), "kmsg")
	if err := os.WriteFile(log, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	marks, err := inside.NewMarker(log, "word")
	if err != nil {
		t.Fatal(err)
	}
	return marks, log
}

// follow writes output to an Events in pieces of n bytes, and returns the stream,
// what it passes on and the marks.
func follow(t *testing.T, output string, n int) (s *Events, out, marks string) {
	t.Helper()
	marker, log := newMarker(t)
	var passed bytes.Buffer
	s = &Events{out: &passed, marks: marker, tell: func(string) bool { return false }, open: map[string]int{}}
	for text := output; text != ""; {
		piece := text[:min(n, len(text))]
		if _, err := s.Write([]byte(piece)); err != nil {
			t.Fatal(err)
		}
		text = text[len(piece):]
	}
	written, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	return s, passed.String(), regexp.MustCompile(`<3>kmodtest: | word`).ReplaceAllString(string(written), "")
}

func TestEventsOfForeignBinaryAreMarked(t *testing.T) {
	const m = inside.EventMarker
	output := strings.ReplaceAll("hello\n^=== RUN   TestA\nno newline^=== RUN   TestA/sub\n    a.go:1: log\n^--- SKIP: TestA/sub (0.00s)\n"+
		"^=== PAUSE TestA\n^=== RUN   TestB\n^--- PASS: TestB (0.01s)\n^=== CONT  TestA\n^--- FAIL: TestA (1.00s)\n^other\n^FAIL\n", "^", m)
	want := strings.ReplaceAll("hello\n^=== RUN   TestA\n^>>> 0 TestA\nno newline^=== RUN   TestA/sub\n    a.go:1: log\n^<<< 3\n^--- SKIP: TestA/sub (0.00s)\n"+
		"^=== PAUSE TestA\n^=== RUN   TestB\n^>>> 1 TestB\n^<<< 6\n^--- PASS: TestB (0.01s)\n^=== CONT  TestA\n^<<< 8\n^--- FAIL: TestA (1.00s)\n^other\n^FAIL\n", "^", m)
	wantMarks := "run TestA #1\nrun TestA/sub #2\nend TestA/sub SKIP 0.00s #3\npause TestA #4\nrun TestB #5\n" +
		"end TestB PASS 0.01s #6\ncont TestA #7\nend TestA FAIL 1.00s #8\n"
	for _, n := range []int{1, 7, 10_000} {
		s, out, marks := follow(t, output, n)
		if out != want || marks != wantMarks {
			t.Errorf("pieces of %d bytes: got\n%q\n%s", n, out, marks)
		}
		if s.Finished(0) || !s.Finished(1) {
			t.Errorf("pieces of %d bytes: a run that printed FAIL: finished with 0: %v, with 1: %v", n, s.Finished(0), s.Finished(1))
		}
	}
}

// The host gets each mark before the output that belongs to it.
func TestHostIsToldOfMarksOfForeignBinary(t *testing.T) {
	marks, _ := newMarker(t)
	var host bytes.Buffer
	tell := func(mark string) bool { host.WriteString(mark + "\n"); return true }
	s := &Events{out: &host, marks: marks, tell: tell, open: map[string]int{}}
	if _, err := s.Write([]byte(inside.EventMarker + "=== RUN   TestA\n" + inside.EventMarker + "--- PASS: TestA (0.01s)\n")); err != nil {
		t.Fatal(err)
	}
	want := "kmodtest: run TestA #1 word\nkmodtest: end TestA PASS 0.01s #2 word\n^=== RUN   TestA\n^>>> 0 TestA\n^<<< 2\n^--- PASS: TestA (0.01s)\n"
	if got := strings.ReplaceAll(host.String(), inside.EventMarker, "^"); got != want {
		t.Errorf("the host gets %q, want %q", got, want)
	}
}

func TestForeignBinaryThatExitsEarlyHasNotFinished(t *testing.T) {
	const begin, end, pass = inside.EventMarker + "=== RUN   TestA\n", inside.EventMarker + "--- PASS: TestA (0.00s)\n", inside.EventMarker + "PASS\n"
	for _, c := range []struct {
		output string
		want   bool
	}{
		{begin + end + pass, true},
		{pass, true}, // no test matches
		{"", false},
		{begin + end, false},
		{begin + pass, false},
		{begin + end + "PASS\n", false}, // printed by a test
	} {
		if s, _, _ := follow(t, c.output, 100); s.Finished(0) != c.want {
			t.Errorf("%q: finished: %v, want %v", c.output, !c.want, c.want)
		}
	}
}

func TestLongLineAfterMarkerIsOutput(t *testing.T) {
	output := inside.EventMarker + strings.Repeat("x", 3*maxEvent)
	if _, out, marks := follow(t, output, 1000); out != output || marks != "" {
		t.Errorf("%d bytes of %d are passed on; marks %q", len(out), len(output), marks)
	}
}

// A test may print the beginning of a line that an event then interrupts.
func TestEventInsideOfLineIsMarked(t *testing.T) {
	const m = inside.EventMarker
	output := strings.ReplaceAll("^=== RUN   TestA\n^--- FAIL: TestOther (1.00s)^--- PASS: TestA (0.01s)\n^PASS\n", "^", m)
	want := "run TestA #1\nend TestA PASS 0.01s #2\n"
	for _, n := range []int{1, 7, 10_000} {
		s, out, marks := follow(t, output, n)
		if marks != want || !strings.Contains(out, m+"--- FAIL: TestOther (1.00s)"+m+"<<< 2\n") || !s.Finished(0) {
			t.Errorf("pieces of %d bytes: finished %v, got\n%q\n%s, want\n%s", n, s.Finished(0), out, marks, want)
		}
	}
}

// Many small writes go to the host together, and each event after what was written before it.
func TestPlainOutputOfForeignBinaryGoesTogether(t *testing.T) {
	marks, _ := newMarker(t)
	host := &busyHost{free: make(chan struct{})}
	s := &Events{out: host, marks: marks, tell: func(string) bool { return false }, open: map[string]int{}}
	var running sync.WaitGroup
	pipe, err := s.Open(&running)
	if err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	write := func(text, extra string) {
		t.Helper()
		want.WriteString(text + extra)
		if _, err := pipe.WriteString(text); err != nil {
			t.Fatal(err)
		}
	}
	const lines = 5000
	write(inside.EventMarker+"=== RUN   TestA\n", inside.EventMarker+">>> 0 TestA\n")
	for i := range lines {
		write(fmt.Sprintln("line", i), "")
	}
	close(host.free)
	want.WriteString(inside.EventMarker + "<<< 2\n")
	write(inside.EventMarker+"--- PASS: TestA (0.01s)\n", "")
	write(inside.EventMarker+"a line that does not end", "")
	pipe.Close()
	running.Wait()
	if got := host.text.String(); got != want.String() {
		t.Errorf("the host got %d bytes, want %d, the last of them %q", len(got), want.Len(), got[max(0, len(got)-100):])
	}
	if host.writes > 10 {
		t.Errorf("%d lines went to the host in %d writes", lines, host.writes)
	}
}

// busyHost is a host that takes no plain output until it is free.
type busyHost struct {
	free   chan struct{}
	text   bytes.Buffer
	writes int
}

func (h *busyHost) Write(p []byte) (int, error) {
	if !bytes.Contains(p, []byte(inside.EventMarker)) {
		<-h.free
	}
	h.writes++
	return h.text.Write(p)
}
