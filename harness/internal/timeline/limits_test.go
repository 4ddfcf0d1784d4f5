package timeline

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/kmodtest/kmodtest/harness/internal/klog"
)

func TestSpansOfManyTestsTakeLittleMemory(t *testing.T) {
	l := newLogger()
	for i := range 3000 {
		l.mark(fmt.Sprintf("run Test%d", i))
	}
	for i := range 1000 {
		l.mark(fmt.Sprintf("pause Test%d", i))
		l.mark(fmt.Sprintf("cont Test%d", i))
	}
	actives := 0
	for _, s := range l.timeline.spans {
		actives += len(s.active)
	}
	if actives > maxActive || actives != l.timeline.actives {
		t.Errorf("the spans have %d active tests, counted as %d, want at most %d", actives, l.timeline.actives, maxActive)
	}
	l.warn("f")
	if tests := l.timeline.Findings()[0].Tests; len(tests) != 3000 {
		t.Errorf("a fault is attributed to %d tests, want 3000", len(tests))
	}
}

func TestMoreRunningTestsThanFollowedAreAnError(t *testing.T) {
	l := newLogger()
	for i := range maxRunning { // marks would take seconds
		l.timeline.running = append(l.timeline.running, &TestRun{Name: fmt.Sprintf("Test%d", i), Paused: true})
	}
	if err := l.timeline.Err(); err != nil {
		t.Errorf("%d tests: %v", maxRunning, err)
	}
	l.mark("run TestOneMore")
	if err := l.timeline.Err(); !errors.Is(err, ErrTooMany) {
		t.Errorf("%d tests: %v, want %v", maxRunning+1, err, ErrTooMany)
	}
}

func TestOddMarksAreNotFollowed(t *testing.T) {
	l := newLogger()
	l.mark("run Test" + strings.Repeat("x", 1000))
	if running := l.timeline.Running(); len(running) != 0 {
		t.Errorf("%d tests run", len(running))
	}
	l.mark("run TestA")
	for _, end := range []string{`\x1b[31m 0.00s`, `PASS \x1b[31m`, "pass 0.00s", "PASS " + strings.Repeat("1", 1000) + "s"} {
		l.mark("end TestA " + end)
	}
	if running := l.timeline.Running(); len(running) != 1 {
		t.Errorf("%d tests run, want 1: an end is not valid", len(running))
	}
	l.mark("end TestB FAIL 0.00s")
	if l.timeline.Failed() != "TestB" {
		t.Errorf("%q has failed, want TestB, whose beginning was lost", l.timeline.Failed())
	}
}

func TestLargePatternsMatchNothing(t *testing.T) {
	for name, pattern := range map[string]string{
		"valid":       "WARNING",
		"not valid":   "(",
		"long":        strings.Repeat("W|", maxPattern) + "W",
		"large":       "W|" + strings.Repeat("(?:x{1000})?", 30),
		"very large":  strings.Repeat("(?:.?){1000}", 40),
		"many braces": strings.Repeat("(", 240) + "W" + strings.Repeat(")*", 120),
	} {
		l := newLogger()
		l.mark("run TestA")
		l.mark("expect TestA * " + pattern)
		run := l.timeline.Running()[0]
		l.warn("f")
		faults, unmet := l.timeline.Of(run)
		if good := name == "valid"; good != (len(faults) == 0) || good != (len(unmet) == 0) {
			t.Errorf("pattern %s: %d faults count and %d expectations are not met", name, len(faults), len(unmet))
		}
		if p := l.timeline.patterns; p.program > maxInstructions {
			t.Errorf("pattern %s has %d instructions", name, p.program)
		}
	}
	l := newLogger()
	l.mark("run TestA")
	for range maxExpectations + 100 {
		l.mark("expect TestA * " + strings.Repeat("x", 400))
	}
	if p := l.timeline.patterns; p.program > maxProgram || len(l.timeline.Running()[0].expectations) > maxExpectations {
		t.Errorf("there are %d patterns with %d instructions", p.number, p.program)
	}
}

func TestCompleteFaultsAreComparedOnce(t *testing.T) {
	l := newLogger()
	l.mark("run TestA")
	l.mark("allow TestA none of them")
	for range 100 {
		l.warn("f")
		for range 100 {
			l.kernel("quiet")
		}
	}
	for range 2000 { // so long may a panic follow
		l.kernel("quiet")
	}
	l.timeline.Findings()
	before := l.timeline.patterns.work
	if faults := l.timeline.Findings(); len(faults) != 100 || l.timeline.patterns.work != before {
		t.Errorf("%d faults were compared again, for %d", len(faults), l.timeline.patterns.work-before)
	}
	l.timeline.patterns.work = maxWork + 1
	l.mark("allow TestA .")
	l.warn("f")
	if n := len(l.timeline.Unexpected()); n != 101 {
		t.Errorf("%d faults count, want 101: comparing them takes too long", n)
	}
}

func TestAnswersAreBounded(t *testing.T) {
	l := newLogger()
	l.user("kmodtest: dump begin #0 word")
	size := 0
	for range 1000 {
		l.timeline.Add(klog.Record{Text: strings.Repeat("x", 8000)})
	}
	for _, text := range l.timeline.Answers() {
		size += len(text)
	}
	if size > maxAnswers+8000 {
		t.Errorf("%d bytes are kept", size)
	}
}
