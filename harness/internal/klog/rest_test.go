package klog

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRestIsWhatTheConsoleShowsBeyondTheLog(t *testing.T) {
	log := []Record{
		{Microsecs: 1_000_000, Text: "booted"},
		{Microsecs: 2_000_000, Text: "loaded\nand well"},
		{Microsecs: 2_000_000, Text: "BUG: first line"},
		{Microsecs: 2_000_000, Facility: 1, Text: "not shown on the console"},
	}
	console := "SeaBIOS\r\n" +
		"[    1.000000] booted\r\n" +
		"BUG: written to the console by a program\r\n" +
		"[    2.000000] loaded\r\n" +
		"[    2.000000] and well\r\n" +
		"[    2.000000] BUG: first line\r\n" +
		"[    2.000000] second line\r\n" +
		"[    2.000000] BUG: first line\r\n" + // again
		"BUG: written to the console by a program\r\n" +
		"2025-01-02T15:04:05,123456+01:00 BUG: written to the console by a program\r\n" +
		"[    2.000000][   T12] third line\r\n" +
		"[    2.5" // cut off
	want := []Record{
		{Microsecs: 2_000_000, Text: "second line"},
		{Microsecs: 2_000_000, Text: "BUG: first line"},
		{Microsecs: 2_000_000, Caller: "T12", Text: "third line"},
	}
	if d := cmp.Diff(want, Rest(log, console)); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if got := Rest(log, ""); len(got) != 0 {
		t.Errorf("an empty console gave %+v", got)
	}
}

// The clock of the processor that panics can be behind that of the one that
// wrote the log's last record.
func TestRestOfProcessorWhoseClockIsBehind(t *testing.T) {
	log := []Record{
		{Microsecs: 4_000_000, Text: "loaded"},
		{Microsecs: 4_009_000, Facility: 1, Text: "test begins"},
	}
	panicked := "[    4.007000] sysrq: trigger\n[    4.007100] Kernel panic - not syncing: on purpose\n[    4.009200] Call Trace:\n"
	want := []Record{
		{Microsecs: 4_007_000, Text: "sysrq: trigger"},
		{Microsecs: 4_007_100, Text: "Kernel panic - not syncing: on purpose"},
		{Microsecs: 4_009_200, Text: "Call Trace:"},
	}
	for name, console := range map[string]string{
		"the last record is shown":     "[    4.000000] loaded\n[    4.009000] test begins\n" + panicked,
		"the last record is not shown": "[    4.000000] loaded\n" + panicked,
		"no record is shown":           "[    1.000000] early message\n" + panicked,
	} {
		if d := cmp.Diff(want, Rest(log, console)); d != "" {
			t.Errorf("%s: -want +got:\n%s", name, d)
		}
	}
}

// /dev/kmsg escapes bytes that the console shows as they are.
func TestRestKnowsEscapedLines(t *testing.T) {
	log := []Record{{Microsecs: 1_000_000, Text: `caf\xc3\xa9 \x5c \x1b[1m`}}
	console := "[    1.000000] caf\xc3\xa9 \\ \x1b[1m\n[    1.100000] dying\n"
	if d := cmp.Diff([]Record{{Microsecs: 1_100_000, Text: "dying"}}, Rest(log, console)); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

// If the kernel puts no times before its lines, all lines count.
func TestRestWithoutTimes(t *testing.T) {
	want := []Record{{Text: "BUG: first line"}, {Text: "second line"}}
	if d := cmp.Diff(want, Rest(nil, "BUG: first line\nsecond line\n")); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}
