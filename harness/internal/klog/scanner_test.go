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

// journalctl -o json has a message in each line, and names who has written it.
func TestJournalAsJSON(t *testing.T) {
	entry := func(transport, message string) string {
		return `{"_TRANSPORT":"` + transport + `","PRIORITY":"1","MESSAGE":"` + message + `","_HOSTNAME":"h"}` + "\n"
	}
	log := entry("journal", "BUG: of a program") + entry("kernel", "BUG: kernel NULL pointer dereference, address: 0000000000000008") +
		entry("stdout", "WARNING: CPU: 1 PID: 2 at x.c:1 f+0x1/0x2") + entry("kernel", "RIP: 0010:gadget_read+0x5/0x10 [gadget]")
	found := ConsoleFaults(log)
	if len(found) != 1 || found[0].Title != "BUG: kernel NULL pointer dereference in gadget_read [gadget]" || len(found[0].Report) != 2 {
		t.Errorf("found %+v", found)
	}
}

func TestSmallAddressesAreNULL(t *testing.T) {
	for head, want := range map[string]Kind{
		"CPU 0 Unable to handle kernel paging request at virtual address 00000004, epc == 80123456, ra == 80123400": NullDereference,
		"CPU 0 Unable to handle kernel paging request at virtual address 0000000000000008, epc == ffffffff80123456": NullDereference,
		"CPU 0 Unable to handle kernel paging request at virtual address 80000004, epc == 80123456, ra == 80123400": PageFault,
		"Unable to handle kernel paging request for data at address 0x00000000":                                     NullDereference,
		"Unable to handle kernel paging request for data at address 0xc000000000000008":                             PageFault,
		"BUG: Unable to handle kernel data access on read at 0x00000010":                                            NullDereference,
		"BUG: Unable to handle kernel data access at 0x0000000012345678":                                            PageFault,
	} {
		if found := ConsoleFaults("[    1.000000] " + head + "\n"); len(found) != 1 || found[0].Kind != want {
			t.Errorf("%q: found %+v, want %s", head, found, want)
		}
	}
}
