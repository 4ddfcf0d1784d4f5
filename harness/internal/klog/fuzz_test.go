package klog

import (
	"strings"
	"testing"
	"time"

	"github.com/kmodtest/kmodtest/harness/internal/klog/prefix"
)

func FuzzConsoleFaults(f *testing.F) {
	for _, path := range logs(f, "*/*.log") {
		log := content(f, path)
		f.Add(log[:min(len(log), 6000)])
	}
	f.Fuzz(func(t *testing.T, log string) {
		var s Scanner
		for raw := range strings.Lines(log) {
			s.AddLine(raw)
			if s.Added()%8 == 0 {
				s.Faults() // asking changes nothing
			}
		}
		found, lines := s.Faults(), 0
		for i, fault := range found {
			if len(fault.Report) == 0 || fault.Kind == "" || strings.Contains(fault.Title, "\n") {
				t.Errorf("fault without a kind or a report: %+v", fault)
			}
			if fault.At < 0 || fault.At >= s.Added() || i > 0 && fault.At < found[i-1].At {
				t.Errorf("fault at %d of %d", fault.At, s.Added())
			}
			lines += len(fault.Report)
			checkTexts(t, fault)
		}
		text := strings.Count(log, `\x0a`)
		for raw := range strings.Lines(log) {
			text += len(parts(prefix.Uncolored(raw))) + 1 // a head may follow other text
		}
		if lines > text {
			t.Errorf("%d lines of reports in a log of %d", lines, text)
		}
		if again := ConsoleFaults(log); len(again) != len(found) {
			t.Errorf("%d faults, and %d when asked in between", len(again), len(found))
		}
		if len(log)%16 == 1 {
			checkTime(t, log)
		}
	})
}

// checkTime checks that a log that is eight times as long takes not much more than
// eight times as long.
func checkTime(t *testing.T, log string) {
	t.Helper()
	short := strings.Repeat(log+"\n", 1+(64<<10)/(len(log)+1))
	var once, often time.Duration
	for range 3 { // others may be at work on the machine
		once, often = timed(short), timed(strings.Repeat(short, 8))
		if often < time.Second || often < 30*once {
			return
		}
	}
	t.Errorf("%v for %d bytes, but %v for eight times as many", once, len(short), often)
}

func timed(log string) time.Duration {
	start := time.Now()
	ConsoleFaults(log)
	return time.Since(start)
}
