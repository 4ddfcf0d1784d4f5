package klog

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// said returns the lines of a log without their prefixes.
func said(log string) []string {
	var texts []string
	for raw := range strings.Lines(log) {
		texts = append(texts, parseLine(strings.TrimRight(raw, "\r\n"), 0).text)
	}
	return texts
}

// by returns records of a caller with the texts.
func by(caller string, texts []string) []Record {
	var records []Record
	for _, text := range texts {
		records = append(records, Record{Caller: caller, Text: text})
	}
	return records
}

// shuffled returns the records of both logs, one of each in turn.
func shuffled(a, b []Record) []Record {
	var all []Record
	for len(a)+len(b) > 0 {
		if len(a) > 0 {
			all, a = append(all, a[0]), a[1:]
		}
		if len(b) > 0 {
			all, b = append(all, b[0]), b[1:]
		}
	}
	return all
}

// outline returns the parts of faults that do not depend on their place in the log.
func outline(faults []Fault) []string {
	var outlines []string
	for _, f := range faults {
		outlines = append(outlines, string(f.Kind)+": "+f.Title+"\n"+strings.Join(f.Report, "\n"))
	}
	return outlines
}

// If the kernel logs callers, the reports of two of them are separated line by
// line.
func TestReportsOfTwoCallersAtOnce(t *testing.T) {
	other := said(content(t, "testdata/6.1/warn.log"))
	want := outline(Faults(by("C1", other)))
	for _, path := range logs(t, "[5-9]*/*.log") {
		texts := said(content(t, path))
		mine := Faults(by("T12", texts))
		var gotMine, gotOther []string
		for _, f := range Faults(shuffled(by("T12", texts), by("C1", other))) {
			if o := outline([]Fault{f}); o[0] == want[0] && len(gotOther) == 0 {
				gotOther = o
			} else {
				gotMine = append(gotMine, o...)
			}
		}
		if d := cmp.Diff(outline(mine), gotMine); d != "" {
			t.Errorf("%s: -want +got:\n%s", path, d)
		}
		if d := cmp.Diff(want, gotOther); d != "" {
			t.Errorf("%s: the other caller's: -want +got:\n%s", path, d)
		}
	}
}

// If the kernel does not log callers, healthy lines inside a report change neither
// its kind nor its title, and no report is lost.
func TestHealthyLinesInsideReports(t *testing.T) {
	foreign := []string{"virtio_net virtio0 eth0: renamed from veth1", "IPv6: ADDRCONF(NETDEV_CHANGE): lo: link becomes ready"}
	for _, path := range logs(t, "[5-9]*/*.log") {
		texts := said(content(t, path))
		var mixed []string
		for i, text := range texts {
			mixed = append(mixed, text)
			// The message of a warning is between these lines.
			if i%7 == 3 && text != cutHere && (i == 0 || texts[i-1] != cutHere) {
				mixed = append(mixed, foreign...)
			}
		}
		var want, got []string
		for _, f := range Faults(by("", texts)) {
			want = append(want, string(f.Kind)+": "+f.Title)
		}
		for _, f := range Faults(by("", mixed)) {
			got = append(got, string(f.Kind)+": "+f.Title)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: -want +got:\n%s", path, d)
		}
	}
}
