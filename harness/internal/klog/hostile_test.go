package klog

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/internal/printable"
)

func TestControlCharactersAreMadeVisible(t *testing.T) {
	for text, want := range map[string]string{
		"plain\ttext":                 "plain\ttext",
		"\x1b]0;owned\x07\x1b[2J":     `\x1b]0;owned\x07\x1b[2J`,
		"a\rb\x00c\x7f":               `a\x0db\x00c\x7f`,
		"C1: \u009b31m":               `C1: \xc2\x9b31m`,
		"\x9b31m not UTF-8":           `\x9b31m not UTF-8`,
		"right to left: \u202eevil":   `right to left: \xe2\x80\xaeevil`,
		"a line \u2028 and café 💥":    `a line \xe2\x80\xa8 and café 💥`,
		"the replacement character �": "the replacement character �",
	} {
		if got := printable.Line(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
		if got := (Record{Text: text}).String(); got != "[    0.000000] "+want {
			t.Errorf("record of %q is printed as %q", text, got)
		}
	}
}

// checkTexts checks that a fault has only printable text of limited length.
func checkTexts(t *testing.T, f Fault) {
	t.Helper()
	bytes := 0
	for _, text := range append([]string{f.Title}, f.Report...) {
		bytes += len(text) + 1
		if !utf8.ValidString(text) || strings.ContainsFunc(text, func(c rune) bool { return unicode.IsControl(c) && c != '\t' }) {
			t.Errorf("a fault has control characters: %q", text)
		}
	}
	if len(f.Title) > 300 || len(f.Report) > 2000 || bytes > 256<<10+300 {
		t.Errorf("a fault has a title of %d bytes, and a report of %d lines and %d bytes", len(f.Title), len(f.Report), bytes)
	}
}

func TestFaultsHaveNoControlCharacters(t *testing.T) {
	for _, text := range []string{
		"kernel BUG at \x1b[2Jx.c:1!",
		"Kernel panic - not syncing: \x1b]52;c;ZXZpbA==\x07\u009b\xff",
		"BUG: " + strings.Repeat("long \x1b", 500),
		"BUG: Bad " + strings.Repeat("💥", 200),
		"WARNING: CPU: 0 PID: 1 at x.c:1 " + strings.Repeat("f", 1000) + "+0x1/0x2",
	} {
		found := Faults([]Record{{Text: text}, {Text: "foreign \x9e"}, {Text: " \x1b[31mf+0x1/0x2"}})
		if len(found) != 1 || len(found[0].Report) != 3 {
			t.Errorf("%q: found %d faults", text, len(found))
			continue
		}
		checkTexts(t, found[0])
	}
}

func TestLongReportKeepsItsEnds(t *testing.T) {
	for name, text := range map[string]string{"many lines": " f+0x1/0x2", "long lines": " " + strings.Repeat("x", 4000)} {
		const lines = 50_000
		var s Scanner
		s.Add(Record{Text: "Kernel panic - not syncing: first"})
		for range lines {
			s.Add(Record{Text: text})
		}
		s.Add(Record{Text: "---[ end Kernel panic - not syncing: last ]---"})
		found := s.Faults()
		if len(found) != 1 {
			t.Fatalf("%s: %d faults", name, len(found))
		}
		report := found[0].Report
		checkTexts(t, found[0])
		if !strings.HasSuffix(report[0], "first") || !strings.Contains(report[len(report)-1], "last") {
			t.Errorf("%s: the report begins with %q and ends with %q", name, report[0], report[len(report)-1])
		}
		note := fmt.Sprintf("... (%d lines of the report are left out here)", lines+2-(len(report)-1))
		if !strings.Contains(strings.Join(report, "\n"), "\n"+note+"\n") {
			t.Errorf("%s: %d lines of %d are there, without %q", name, len(report)-1, lines+2, note)
		}
	}
}

func TestFaultsThatAreTooManyAreCounted(t *testing.T) {
	var s Scanner
	for i := range maxFaults + 7 {
		s.Add(Record{Caller: fmt.Sprintf("T%d", i), Text: "BUG: another one in f+0x1/0x2"})
	}
	found := s.Faults()
	if len(found) != maxFaults || len(s.Faults()) != maxFaults {
		t.Fatalf("%d faults, want %d", len(found), maxFaults)
	}
	report := found[maxFaults-1].Report
	if last := report[len(report)-1]; last != "... (7 faults after this one are not kept)" || len(report) != 2 {
		t.Errorf("the last report is %q", report)
	}
	if len(s.streams) > maxStreams {
		t.Errorf("the callers of %d records are kept", len(s.streams))
	}
}

// processorTime returns the time that the processors have spent on this process. Other processes of a busy host do
// not prolong it.
func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		t.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// Asking after each record is cheap, however many faults there are.
func TestFaultsAfterEachRecord(t *testing.T) {
	for name, lines := range map[string][]string{
		"warnings": {cutHere, "WARNING: CPU: 0 PID: 1 at x.c:1 f+0x1/0x2 [m]", " f+0x1/0x2 [m]", " g+0x1/0x2 [m]", endOfTrace + " 0000000000000000 ]---"},
		"open":     {"BUG: KASAN: use-after-free in f+0x1/0x2"},
		"one":      {" f+0x1/0x2"},
	} {
		var s Scanner
		start := processorTime(t)
		if name == "one" {
			s.Add(Record{Text: "Kernel panic - not syncing: x"})
		}
		const records = 20_000
		for i := range records {
			s.Add(Record{Text: lines[i%len(lines)]})
			s.Faults()
		}
		// It is a second or less; asking for all of them again each time takes minutes.
		if took := processorTime(t) - start; took > 20*time.Second {
			t.Errorf("%s: %v for %d records", name, took, records)
		} else {
			t.Logf("%s: %v for %d records", name, took, records)
		}
	}
}

// heapOf returns how many bytes f leaves in memory. keep keeps its result alive.
func heapOf(f func() (keep any)) uint64 {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	kept := f()
	runtime.GC()
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(kept)
	return max(after.HeapAlloc, before.HeapAlloc) - before.HeapAlloc
}

// A short text in a long record does not keep the record in memory.
func TestRecordTakesOnlyItsText(t *testing.T) {
	const records = 2000
	if size := heapOf(func() any {
		kept := make([]Record, 0, records)
		for range records {
			rec, err := Parse([]byte("6,1,1,-,caller=T1;x\n KEY=" + strings.Repeat("v", 8000)))
			if err != nil {
				t.Fatal(err)
			}
			kept = append(kept, rec)
		}
		return kept
	}); size > 1<<20 {
		t.Errorf("%d records of one character take %d KiB", records, size>>10)
	}
}

// Reports that never end, of many callers, take no more memory than others.
func TestOpenReportsTakeLittleMemory(t *testing.T) {
	for name, c := range map[string]struct{ head, line string }{
		"warnings":      {"WARNING: CPU: 0 PID: 1 at x.c:1 f+0x1/0x2 [m]", " f+0x1/0x2 [m] " + strings.Repeat("x", 6000)},
		"out of memory": {"x invoked oom-killer: gfp_mask=0x1", "foreign " + strings.Repeat("x", 6000)},
		"one record":    {"WARNING: CPU: 0 PID: 1 at x.c:1 f+0x1/0x2 [m]", " f+0x1/0x2 [m]\n" + strings.Repeat("x", 6000)},
	} {
		if size := heapOf(func() any {
			var s Scanner
			for caller := range 60 {
				s.Add(Record{Text: c.head, Caller: fmt.Sprintf("T%d", caller)})
				for range 700 {
					s.Add(Record{Text: c.line + fmt.Sprint(caller), Caller: fmt.Sprintf("T%d", caller)})
				}
			}
			s.Faults()
			return &s
		}); size > 2*maxText {
			t.Errorf("%s: the open reports of 60 callers take %d MiB", name, size>>20)
		} else {
			t.Logf("%s: %d MiB", name, size>>20)
		}
	}
}
