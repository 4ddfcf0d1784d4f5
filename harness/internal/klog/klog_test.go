package klog

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	got, err := Parse([]byte("6,1234,5678901,-,caller=T1;sockopt: a\\x0ab\n SUBSYSTEM=net\n"))
	want := Record{Level: 6, Sequence: 1234, Microsecs: 5678901, Caller: "T1", Text: "sockopt: a\nb"}
	if err != nil || got != want {
		t.Errorf("got %+v, %v; want %+v", got, err, want)
	}
	if s := got.String(); s != "[    5.678901] sockopt: a\n[    5.678901] b" {
		t.Errorf("printed as %q", s)
	}
	if user, err := Parse([]byte("12,1,2,-;BUG: not from the kernel")); err != nil || user.Facility != 1 || user.Level != 4 {
		t.Errorf("record of user space: %+v, %v; want facility 1, level 4", user, err)
	}
	for _, bad := range []string{"", "text", "6,1;text", "x,1,2,-;text", "6,x,2,-;text", "6,1,x,-;text"} {
		if rec, err := Parse([]byte(bad)); err == nil {
			t.Errorf("%q was parsed as %+v", bad, rec)
		}
	}
}

// Heads of reports as kernels from 5.10 to 6.12 print them.
func TestFaultsAreFound(t *testing.T) {
	for _, line := range []string{
		"BUG: kernel NULL pointer dereference, address: 0000000000000000",
		"BUG: unable to handle page fault for address: ffffb000",
		"BUG: sleeping function called from invalid context at mm/slab.h:494",
		"BUG: KASAN: slab-out-of-bounds in set+0x1/0x2 [socketopt]",
		"BUG: scheduling while atomic: test/77/0x00000002",
		"BUG socketopt_cache (Tainted: G           OE     ): Objects remaining in socketopt_cache on __kmem_cache_shutdown()",
		"BUG kmalloc-64 (Not tainted): Poison overwritten",
		"kernel BUG at net/core/skbuff.c:123!",
		"WARNING: CPU: 1 PID: 77 at kernel/x.c:12 warn_slowpath+0x1/0x2",
		"WARNING: possible circular locking dependency detected",
		"WARNING: kernel/x.c:12 at f+0x1/0x2, CPU#1: test/77",
		"general protection fault, probably for non-canonical address 0xdead: 0000 [#1] SMP",
		"UBSAN: array-index-out-of-bounds in x.c:1:2",
		"INFO: task test:77 blocked for more than 120 seconds.",
		"rcu: INFO: rcu_sched self-detected stall on CPU",
		"watchdog: BUG: soft lockup - CPU#0 stuck for 26s! [test:77]",
		"list_add corruption. prev->next should be next (ffff), but was ffff.",
		"usercopy: Kernel memory exposure attempt detected from SLUB object",
	} {
		found := Faults([]Record{{Text: "before"}, {Text: line}, {Text: "after"}})
		if len(found) != 1 || found[0].At != 1 || len(found[0].Report) != 1 || found[0].Report[0] != line {
			t.Errorf("%q: found %v", line, found)
		}
		raw := "[   12.345678][   T77] " + line
		if found := ConsoleFaults("[    1.000000] before\r\n" + raw + "\r\n"); len(found) != 1 || len(found[0].Report) != 1 || found[0].Report[0] != raw {
			t.Errorf("%q on the console: found %v", line, found)
		}
	}
}

func TestHealthyLinesAreNoFaults(t *testing.T) {
	for _, line := range []string{
		"sockopt: init_sockopt()",
		"recv_msg: umsg = BUG: forged. ret = 0",
		"socketopt: loading out-of-tree module taints kernel.",
		"socketopt: module verification failed: signature and/or required key missing - tainting kernel",
		"Warning: unable to open an initial console.",
		"WARNING: this is some driver's own way to talk",
		"PCI: Using configuration type 1 for base access",
		"NMI watchdog: Enabled. Permanently consumes one hw-PMU counter.",
		"Spectre V2 : WARNING: Unprivileged eBPF is enabled with eIBRS on",
	} {
		if found := Faults([]Record{{Text: line}}); len(found) != 0 {
			t.Errorf("%q was judged %v", line, found)
		}
	}
	forged := Record{Facility: 1, Text: "BUG: kernel NULL pointer dereference"}
	if found := Faults([]Record{forged}); len(found) != 0 {
		t.Errorf("a line that user space wrote was judged %v", found)
	}
}

func TestReportEndsAtItsEnd(t *testing.T) {
	log := "WARNING: CPU: 0 PID: 1 at x.c:1 f+0x1/0x2\nRIP: f\n---[ end trace 0000000000000000 ]---\nhealthy\nBUG: second\nlast"
	var records []Record
	for line := range strings.SplitSeq(log, "\n") {
		records = append(records, Record{Text: line})
	}
	found := Faults(records)
	if len(found) != 2 || found[0].Kind != Warning || found[0].Title != "WARNING in f" || found[1].At != 4 || found[1].Title != "BUG: second" {
		t.Errorf("found %+v", found)
		return
	}
	if d := cmp.Diff(strings.Split(log, "\n")[:3], found[0].Report); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

// On a console, a line of the kernel follows text of a program without an end of
// line, or a line of its own that was cut off.
func TestFaultBeginsInsideLine(t *testing.T) {
	for _, before := range []string{"login: ", "** 93 printk messages dropped ** ", "[   12.000000] half a line"} {
		found := ConsoleFaults("first\n" + before + "[   12.345678] BUG: of the kernel\n")
		if len(found) != 1 || found[0].At != 1 || found[0].Report[0] != "[   12.345678] BUG: of the kernel" {
			t.Errorf("after %q: %+v", before, found)
		}
	}
	for _, before := range []string{"<1>", "kern  :alert : ", "Nov 24 12:00:00 host kernel: "} {
		raw := before + "[   12.345678] BUG: of the kernel"
		if found := ConsoleFaults(raw + "\n"); len(found) != 1 || found[0].Report[0] != raw {
			t.Errorf("after %q: %+v", before, found)
		}
	}
	if found := ConsoleFaults("<12>[   12.345678] BUG: of user space\n"); len(found) != 0 {
		t.Errorf("a line of user space: %+v", found)
	}
}

// A report is found with all its lines in every form in which dmesg, journalctl and
// systems for CI print times.
func TestFormsOfTimes(t *testing.T) {
	texts := []string{cutHere, "WARNING: CPU: 0 PID: 1 at x.c:1 f+0x1/0x2", "RIP: 0010:f+0x1/0x2", "---[ end trace 0000000000000000 ]---"}
	for _, prefix := range []string{
		"[   12.345678] ", "[   12.345678 <    0.000123>] ", "[<    0.000123>] ", "[  +0.000123] ", "[Jan 2 15:04] ", "[Thu Jan  2 15:04:05 2025] ",
		"[Thu Jan  2 15:04:05 2025 <    0.000123>] ", "2025-01-02T15:04:05,123456+01:00 ", "kern  :warn  : 2025-01-02T15:04:05,123456+01:00 ",
		"2025-01-02T15:04:05,123456+01:00 [  T12] ", "[   12.345678] host kernel: ", "2025-01-02T15:04:05+0100 host kernel: ",
		"2025-01-02T15:04:05.1234567Z ", "2025-01-02T15:04:05.1234567Z [   12.345678] ", "2025-01-02T15:04:05.1234567Z <4>[   12.345678][  T12] ",
		"\x1b[32m[   12.345678] \x1b[0m\x1b[31m\x1b[1m",
		"15:04:05 ", "15:04:05 [   12.345678] ", "[15:04:05.123] [   12.345678] ", "[2025-01-02T15:04:05.123Z] ", "[2025-01-02 15:04:05] [   12.345678] ",
		"2025-01-02 15:04:05,123 [   12.345678] ", "2025-01-02T15:04:05.123456Z 00O ", "2025-01-02T15:04:05.123456Z 01E [   12.345678] ",
		"[   12.345678]  [4:     gadgetctl:  825] ", "<4>[   12.345678] I[4:     gadgetctl:  825] ", "[   12.345678] (4)[825:gadgetctl]", "[   12.345678] -(4)[825:gadgetctl]",
		"[   12.345678,1] ", "<4>[   12.345678@1] ", "[   12.345678@1]- ", "[   12.345678@1]d ", "> [   12.345678] ", ">> [   12.345678] ", "> ",
		"\x1b_bk;t=1735830245123\x07[   12.345678] ", "\x1b[0K[   12.345678] ",
	} {
		log := prefix + "before\n" + prefix + strings.Join(texts, "\n"+prefix) + "\n" + prefix + "after\n"
		found := ConsoleFaults(log)
		if len(found) != 1 || found[0].Title != "WARNING in f" || len(found[0].Report) != len(texts) || found[0].At != 1 {
			t.Errorf("after %q: %+v", prefix, found)
		}
	}
}

// The flag after some times is a word of its own, and the text may begin with the same letter.
func TestFlagAfterTimeIsNoText(t *testing.T) {
	for _, prefix := range []string{"[   12.345678@1] ", "[   12.345678@1]d ", "[   12.345678@1]- "} {
		found := ConsoleFaults(prefix + "detected buffer overflow in strcpy\n" + prefix + "- x\n")
		if len(found) != 1 || !strings.Contains(found[0].Title, "detected buffer overflow") {
			t.Errorf("after %q: %+v", prefix, found)
		}
	}
}

func TestLogOfJSON(t *testing.T) {
	record := func(members, text string) string {
		return "{\n" + members + "         \"msg\": \"" + text + "\"\n      }"
	}
	kernel := "         \"pri\": 4,\n         \"time\":    12.345678,\n"
	log := "{\n   \"dmesg\": [\n      " + strings.Join([]string{
		record(kernel, "Linux version 6.1"),
		record("         \"pri\": 12,\n         \"time\":    12.345678,\n", "BUG: of user space"),
		record("         \"fac\": \"user\",\n         \"pri\": \"warn\",\n         \"time\":    12.345678,\n", "BUG: of user space"),
		record(kernel, "BUG: kernel NULL pointer dereference, address: 0000000000000008"), record(kernel+"         \"caller\": \"T7\",\n", "healthy"),
		record(kernel, "RIP: 0010:gadget_read+0x10/0x40 [gadget]"), record(kernel, "Code: 48 8b <8b> \\\"00\\\""), record(kernel, endOfTrace+" 0 ]---"),
	}, ",") + "\n   ]\n}\n"
	found := ConsoleFaults(log)
	want := []string{
		"<4>[12.345678] BUG: kernel NULL pointer dereference, address: 0000000000000008", "<4>[12.345678] RIP: 0010:gadget_read+0x10/0x40 [gadget]",
		`<4>[12.345678] Code: 48 8b <8b> "00"`, "<4>[12.345678] " + endOfTrace + " 0 ]---",
	}
	if len(found) != 1 || found[0].Title != "BUG: kernel NULL pointer dereference in gadget_read [gadget]" || !slices.Equal(found[0].Report, want) {
		t.Errorf("got %+v, want the report %q", found, want)
	}
	if line := strings.Split(log, "\n")[found[0].At]; !strings.Contains(line, "BUG: kernel NULL") {
		t.Errorf("the fault begins at %q", line)
	}
}

// On riscv, no line says that a trace begins: it follows the registers.
func TestReportsOfRISCVAreApart(t *testing.T) {
	dump := "epc : gadget_spin+0x10/0x40 [gadget]\n ra : gadget_ioctl+0x20/0x60 [gadget]\nstatus: 0000000200000120 badaddr: 0000000000000000 cause: 8000000000000005\n[<ffffffff01e6c73c>] gadget_spin+0x10/0x40 [gadget]\n"
	stall := "rcu: INFO: rcu_sched self-detected stall on CPU\nrcu: \t0-....: (5249 ticks this GP)\n" + dump
	if found := ConsoleFaults(stall + stall); len(found) != 2 || found[1].At != 6 || found[1].Title != "rcu: stall in gadget_spin [gadget]" {
		t.Errorf("two stalls: %+v", found)
	}
	found := ConsoleFaults("watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [gadgetctl:7]\n" + dump + strings.Repeat("eth0: up\n", 4) + " foreign\n")
	if len(found) != 1 || len(found[0].Report) != 5 {
		t.Errorf("a lockup before foreign lines: %+v", found)
	}
}

func TestTaintFault(t *testing.T) {
	f := TaintFault("machine check (M)", 7)
	if f.Kind != Taint || f.Title != "taint: machine check (M)" || f.At != 7 || len(f.Report) != 1 {
		t.Errorf("got %+v", f)
	}
}
