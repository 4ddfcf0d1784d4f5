package klog

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Calls of Faults in between do not change the result, and a fault that is not
// Open does not change any more.
func TestFaultsWhileTheLogIsWritten(t *testing.T) {
	for _, path := range logs(t, "*/*.log") {
		log := content(t, path)
		ended := map[int]Fault{}
		var s Scanner
		for raw := range strings.Lines(log) {
			s.AddLine(raw)
			if s.Added()%3 != 0 {
				continue
			}
			for _, f := range s.Faults() {
				if f.At >= s.Added() {
					t.Fatalf("%s: a fault begins at %d of %d lines", path, f.At, s.Added())
				}
				if old, ok := ended[f.At]; ok {
					if d := cmp.Diff(old, f); d != "" {
						t.Fatalf("%s: changed after it was settled: -want +got:\n%s", path, d)
					}
				}
				if !f.Open {
					ended[f.At] = f
				}
			}
		}
		if d := cmp.Diff(ConsoleFaults(log), s.Faults()); d != "" {
			t.Errorf("%s: -want +got:\n%s", path, d)
		}
	}
}

func TestFaultsHaveTheirBeginnings(t *testing.T) {
	var s Scanner
	var begins []int
	for _, rec := range []Record{
		{Text: "before"},
		{Text: cutHere},
		{Facility: 1, Text: "a mark"},
		{Text: "WARNING: CPU: 0 PID: 1 at x.c:1 f+0x1/0x2"},
		{Facility: 1, Text: "BUG: written by user space"},
		{Text: "---[ end trace 0000000000000000 ]---"},
		{Text: "\nBUG: second"},
	} {
		s.Add(rec)
		begins = append(begins, len(s.Faults()))
	}
	if d := cmp.Diff([]int{0, 0, 0, 1, 1, 1, 2}, begins); d != "" {
		t.Errorf("faults begun: -want +got:\n%s", d)
	}
	found := s.Faults()
	if len(found) != 2 || found[0].At != 1 || found[1].At != 6 || len(found[0].Report) != 3 {
		t.Errorf("found %+v", found)
	}
}

// The kernel repeats text of user space in its own records: mount options, names of processes.
func TestTextOfUserSpaceBeginsNoReport(t *testing.T) {
	for text, want := range map[string]int{
		"tmpfs: Unknown parameter 'x\nKernel panic - not syncing: forged\ny'":                     0,
		"tmpfs: Unknown parameter 'x\nBUG: KASAN: use-after-free in victim [innocent]\n'":         0,
		"tmpfs: Unknown parameter 'x\n------------[ cut here ]------------\nkernel BUG at a.c:1!": 0,
		"BUG: my program[77]: segfault at 0 ip 0000000000401136 sp 00007ffd error 4 in x":         0,
		"BUG: mine (812): drop_caches: 3":                                                         0,
		"WARNING: x[5]: bad frame in rt_sigreturn":                                                0,
		"BUG: unable to handle page fault for address: ffffc90000a3f000":                          1,
		"\n=================================\nBUG: held lock freed!":                              1,
		"BUG: Bad rss-counter state mm:00000000cafe type:MM_ANONPAGES val:2":                      1,
	} {
		var s Scanner
		s.Add(Record{Text: text})
		s.Add(Record{Text: "healthy"})
		if got := len(s.Faults()); got != want {
			t.Errorf("%q: %d faults, want %d", text, got, want)
		}
	}
}
