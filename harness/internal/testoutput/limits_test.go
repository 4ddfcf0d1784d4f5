package testoutput

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// follow returns a Reporter of a machine that logs to l, and its output.
func follow(l *logger, verbose string) (*Reporter, *bytes.Buffer) {
	var out bytes.Buffer
	r := NewReporter(&out, Options{Verbose: verbose})
	r.Follow(l.timeline)
	return r, &out
}

func report(t *testing.T, r *Reporter, text string) {
	t.Helper()
	if _, err := r.Write([]byte(strings.ReplaceAll(text, "^", marker))); err != nil {
		t.Fatal(err)
	}
}

func TestSlashesInNamesTakeLittleTime(t *testing.T) {
	t.Parallel()
	r, _ := follow(newLogger(), "false")
	start := time.Now()
	for range 3 {
		report(t, r, "^=== RUN   "+strings.Repeat("/", maxLine-100)+"\n")
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("three names took %v", took)
	}
}

func TestNestedTestsAreLimited(t *testing.T) {
	t.Parallel()
	r, _ := follow(newLogger(), "false")
	report(t, r, "^=== RUN   Test\n^>>> 0 Test\n")
	var err error
	for i := range maxDepth + 1 {
		_, err = r.Write([]byte(marker + "=== RUN   Test" + strings.Repeat("/x", i+1) + "\n"))
		if err != nil && i < maxDepth {
			t.Fatalf("%d levels: %v", i+1, err)
		}
	}
	if !errors.Is(err, ErrTooMany) {
		t.Errorf("%d levels: %v, want %v", maxDepth+1, err, ErrTooMany)
	}
}

func TestDeathOfManyTestsTakesLittleTime(t *testing.T) {
	t.Parallel()
	l := newLogger()
	r, _ := follow(l, "false")
	report(t, r, "^=== RUN   Test\n^>>> 0 Test\n")
	for i := range 50_000 {
		report(t, r, fmt.Sprintf("^=== RUN   Test/%d\n", i))
	}
	for i := range 3000 {
		l.mark(fmt.Sprintf("run TestX%d", i))
	}
	start := time.Now()
	if err := r.Died(Death{Reason: "dead"}); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took > 15*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestShortItemsCount(t *testing.T) {
	t.Parallel()
	var z itemizer
	z.write(bytes.Repeat([]byte(marker), 100_000))
	if least := 32 * len(z.items); z.size < least || len(z.items) == 0 {
		t.Errorf("%d items count as %d bytes, want at least %d", len(z.items), z.size, least)
	}
	for len(z.items) > 0 {
		z.take()
	}
	if z.size != 0 {
		t.Errorf("no item counts as %d bytes", z.size)
	}
}

func TestAlternatingStreamsTakeLittleMemory(t *testing.T) {
	t.Parallel()
	var e Excerpt
	for i := range 1_000_000 {
		e.Add(i%2, []byte{'x'})
	}
	if n := len(e.Pieces()); n > 2*excerptHalf/pieceCost+2 {
		t.Errorf("%d pieces are kept", n)
	}
}

func TestNothingOfMarksControlsTheTerminal(t *testing.T) {
	t.Parallel()
	for _, verbose := range []string{"false", "true", "test2json"} {
		l := newLogger()
		r, out := follow(l, verbose)
		l.mark(`run Test\x1b[31m`)
		l.mark(`expect Test\x1b[31m \x1b[32m \x1b[33m`)
		l.mark(`run Test\x1b[31m/sub\x07`)
		l.mark(`run Test\x9b31m`)
		l.mark(`end Test\x9b31m PASS 0.00s`)
		if err := r.Died(Death{Reason: "dead", OfKernel: true}); err != nil {
			t.Fatal(err)
		}
		if err := r.CutShort(); err != nil {
			t.Fatal(err)
		}
		if text := out.String(); strings.ContainsAny(text, "\x1b\x07") || strings.Contains(text, "\x9b") || !strings.Contains(text, "--- FAIL: Test") {
			t.Errorf("-test.v=%s: the output is %q", verbose, text)
		}
	}
	l := newLogger()
	r, out := follow(l, "false")
	l.mark("run TestA")
	l.mark(`expect TestA * \x1b[33m`)
	l.mark("end TestA PASS 0.00s")
	report(t, r, "^=== RUN   TestA\n^>>> 0 TestA\n^<<< 3\n^--- PASS: TestA (0.00s)\n")
	if text := out.String(); strings.Contains(text, "\x1b") || !strings.Contains(text, "the kernel did not report") {
		t.Errorf("the output is %q", text)
	}
}

func TestBeginningWithoutNumberCounts(t *testing.T) {
	t.Parallel()
	r, _ := follow(newLogger(), "false")
	report(t, r, "^=== RUN   TestA\n^>>> 0 TestB\n^--- PASS: TestB (0.00s)\n")
	if running := r.Running(); !slices.Equal(running, []string{"TestA"}) {
		t.Errorf("running: %q, want TestA", running)
	}
	r, _ = follow(newLogger(), "false")
	report(t, r, "^=== RUN   TestA\n^>>> - TestA\n")
	if running := r.Running(); len(running) != 0 {
		t.Errorf("running: %q, want none: TestA is not selected", running)
	}
}

func TestAccountIsPrintedOnce(t *testing.T) {
	t.Parallel()
	l := newLogger()
	r, out := follow(l, "true")
	for i := range 100 {
		l.mark(fmt.Sprintf("run Test%d", i))
	}
	if err := r.Died(Death{Reason: "dead", Account: "the account\n"}); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(out.String(), "the account"); n != 1 {
		t.Errorf("it is printed %d times", n)
	}
}
