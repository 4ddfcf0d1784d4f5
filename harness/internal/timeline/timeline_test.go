package timeline

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/kmodtest/kmodtest/harness/internal/klog"
)

// warning is what a kernel logs when a module warns.
const warning = `------------[ cut here ]------------
WARNING: CPU: 0 PID: 7 at /m/m.c:1 %s+0x5/0x10 [m]
Modules linked in: m(O)
RIP: 0010:%[1]s+0x5/0x10 [m]
Call Trace:
 <TASK>
 do_one_initcall+0x50/0x2a0
 </TASK>
---[ end trace 0000000000000000 ]---`

// logger writes a log for a timeline: marks and kernel messages.
type logger struct {
	timeline *Timeline
	number   int
}

func newLogger() *logger { return &logger{timeline: New("word")} }

// mark writes a mark such as "run TestX".
func (l *logger) mark(text string) {
	l.number++
	l.user(fmt.Sprintf("kmodtest: %s #%d word", text, l.number))
}

func (l *logger) user(text string) { l.timeline.Add(klog.Record{Facility: 1, Text: text}) }

func (l *logger) kernel(text string) {
	for line := range strings.SplitSeq(text, "\n") {
		l.timeline.Add(klog.Record{Text: line})
	}
}

func (l *logger) warn(function string) { l.kernel(fmt.Sprintf(warning, function)) }

// blamed returns for each fault the tests that ran when it began.
func (l *logger) blamed() []string {
	var all []string
	for _, f := range l.timeline.Findings() {
		names := []string{}
		for _, s := range f.Tests {
			names = append(names, s.Name)
		}
		all = append(all, fmt.Sprint(f.Frames[0].Function, names))
	}
	return all
}

func TestFaultBelongsToTestThatRan(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		log  string // marks; "!f" is a warning in f
		want []string
	}{
		"outside":             {"!f; run TestA; end TestA PASS 0.0s; !g", []string{"f[]", "g[]"}},
		"between two":         {"run TestA; end TestA PASS 0.0s; run TestB; !f; end TestB PASS 0.0s; run TestC; end TestC PASS 0.0s", []string{"f[TestB]"}},
		"first and last line": {"run TestA; !f; !g; end TestA PASS 0.0s", []string{"f[TestA]", "g[TestA]"}},
		"in a subtest":        {"run TestA; run TestA/s; !f; end TestA/s PASS 0.0s; !g", []string{"f[TestA/s]", "g[TestA]"}},
		"waiting for its turn": {
			"run TestA; pause TestA; run TestB; !f; end TestB PASS 0.0s; !g; cont TestA; !h", []string{"f[TestB]", "g[]", "h[TestA]"},
		},
		"in parallel": {
			"run TestA; pause TestA; run TestB; pause TestB; run TestC; pause TestC; cont TestA; cont TestC; !f; end TestA PASS 0.0s; cont TestB; !g",
			[]string{"f[TestA TestC]", "g[TestB TestC]"},
		},
		"parallel subtests": {
			"run TestA; run TestA/x; pause TestA/x; !f; run TestA/y; pause TestA/y; cont TestA/y; !g; end TestA/y PASS 0.0s; cont TestA/x; !h",
			[]string{"f[TestA]", "g[TestA/y]", "h[TestA/x]"},
		},
		"the same name twice": {"run TestA; end TestA PASS 0.0s; run TestA; !f; end TestA PASS 0.0s", []string{"f[TestA]"}},
	} {
		l := newLogger()
		for step := range strings.SplitSeq(c.log, "; ") {
			if function, ok := strings.CutPrefix(step, "!"); ok {
				l.warn(function)
			} else {
				l.mark(step)
			}
		}
		if got := l.blamed(); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// Only the test binary knows the word of its machine.
func TestForgedMarksAndFaultsAreNone(t *testing.T) {
	t.Parallel()
	l := newLogger()
	l.mark("run TestA")
	l.user("kmodtest: end TestA PASS 0.0s #2 guess")
	l.user("WARNING: CPU: 0 PID: 7 at /m/m.c:1 f+0x5/0x10 [m]")
	l.user(fmt.Sprintf(warning, "f"))
	l.kernel("kmodtest: end TestA PASS 0.0s #2 word") // the kernel writes no marks
	l.warn("g")
	if got := l.blamed(); !slices.Equal(got, []string{"g[TestA]"}) {
		t.Errorf("%q, want g and TestA", got)
	}
}

func TestExpectedFaultIsExcused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		mark  string
		wrong bool // it does not excuse the warning
		unmet int
	}{
		"allowed":                 {"allow TestA in f", false, 0},
		"another allowed":         {"allow TestA in g", true, 0},
		"expected":                {"expect TestA warning in f", false, 0},
		"of any kind":             {"expect TestA * .", false, 0},
		"of another kind":         {"expect TestA kasan in f", true, 1},
		"another one":             {"expect TestA warning in g", true, 1},
		"by a line of its report": {"expect TestA warning do_one_initcall", false, 0},
		"by the test around it":   {"allow TestA in f", false, 0},
	} {
		l := newLogger()
		l.mark("run TestA")
		s := l.timeline.find("TestA")
		l.mark(c.mark)
		if name == "by the test around it" {
			l.mark("run TestA/sub")
			s = l.timeline.find("TestA/sub")
		}
		l.warn("f")
		faults, unmet := l.timeline.Of(s)
		if (len(faults) == 1) != c.wrong || len(unmet) != c.unmet {
			t.Errorf("%s: %d faults, %d unmet; want wrong %v, %d", name, len(faults), len(unmet), c.wrong, c.unmet)
		}
	}
}

// A fault before the call of ExpectKernelFault does not meet the expectation.
func TestEarlierFaultIsNotExpected(t *testing.T) {
	t.Parallel()
	l := newLogger()
	l.mark("run TestA")
	l.warn("f")
	l.mark("expect TestA warning in f")
	faults, unmet := l.timeline.Of(l.timeline.find("TestA"))
	if len(faults) != 1 || len(unmet) != 1 {
		t.Errorf("%d faults, %d unmet; want 1 and 1", len(faults), len(unmet))
	}
}

// A fault that only the console of a dying kernel shows is attributed to the test
// whose mark precedes it on the console.
func TestConsoleGoesOnWhereLogEnds(t *testing.T) {
	t.Parallel()
	l := newLogger()
	l.mark("run TestA")
	l.mark("end TestA PASS 0.1s")
	l.timeline.AddConsole(klog.Rest(nil, "[    1.0] kmodtest: run TestA #1 word\n[    1.1] kmodtest: end TestA PASS 0.1s #2 word\n"+
		"[    1.2] kmodtest: run TestB #3 word\n[    1.3] Kernel panic - not syncing: dead\n[    1.3] ---[ end Kernel panic - not syncing: dead ]---\n"))
	found := l.timeline.Findings()
	if len(found) != 1 || found[0].Kind != klog.Panic || len(found[0].Tests) != 1 || found[0].Tests[0].Name != "TestB" {
		t.Errorf("findings: %+v; want a panic during TestB", found)
	}
	if running := l.timeline.Active(); len(running) != 1 || running[0].Name != "TestB" {
		t.Errorf("running: %v; want TestB", running)
	}
}

// The mark of another test may come while the kernel reports a fault.
func TestMarkOnConsoleIsNotPartOfReport(t *testing.T) {
	l := newLogger()
	l.timeline.AddConsole(klog.Rest(nil, "[    1.0] Kernel panic - not syncing: dead\n[    1.0] Call Trace:\n[    1.0]  <TASK>\n"+
		"[    1.0] kmodtest: run TestA #1 word\n[    1.0]  panic+0x118/0x2f4\n[    1.0] ---[ end Kernel panic - not syncing: dead ]---\n"))
	found := l.timeline.Findings()
	if len(found) != 1 {
		t.Fatalf("findings: %+v; want one", found)
	}
	report := strings.Join(found[0].Report, "\n")
	if strings.Contains(report, "kmodtest") || !strings.Contains(report, "panic+0x118/0x2f4") {
		t.Errorf("the report is\n%s", report)
	}
}
