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
		t.Errorf("of an empty console: %+v", got)
	}
}

// Of a kernel that puts no time before its lines, all count.
func TestRestWithoutTimes(t *testing.T) {
	want := []Record{{Text: "BUG: first line"}, {Text: "second line"}}
	if d := cmp.Diff(want, Rest(nil, "BUG: first line\nsecond line\n")); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}
