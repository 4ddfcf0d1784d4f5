package timeline

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/kmodtest/kmodtest/harness/internal/klog"
)

// announce tells the host of marks such as "run TestX". The first has the given number.
func (l *logger) announce(from int, marks ...string) {
	for i, text := range marks {
		l.timeline.Announce(fmt.Sprintf("kmodtest: %s #%d word", text, from+i))
	}
}

// console lets the machine die. Each item is a mark with a number, or "!f", a warning in f.
func (l *logger) console(items ...string) {
	var records []klog.Record
	for _, item := range items {
		text := "kmodtest: " + item + " word"
		if function, ok := strings.CutPrefix(item, "!"); ok {
			text = fmt.Sprintf(warning, function)
		}
		for line := range strings.SplitSeq(text, "\n") {
			records = append(records, klog.Record{Text: line})
		}
	}
	l.timeline.AddConsole(records)
}

func TestConsoleLacksMarksThatWereAnnounced(t *testing.T) {
	t.Parallel()
	announced := []string{"run TestA", "end TestA PASS 0.0s", "run TestB", "end TestB PASS 0.0s", "run TestC"}
	for name, c := range map[string]struct {
		read    int // marks that the log has
		console []string
		want    []string
	}{
		"the last test":           {0, []string{"!f"}, []string{"f[TestC]"}},
		"a test before":           {0, []string{"!f", "end TestB PASS 0.0s #4", "!g"}, []string{"f[TestB]", "g[TestC]"}},
		"between tests":           {0, []string{"!f", "run TestB #3"}, []string{"f[]"}},
		"each":                    {0, []string{"run TestA #1", "!f", "end TestA PASS 0.0s #2", "!g", "run TestB #3", "!h"}, []string{"f[TestA]", "g[]", "h[TestC]"}},
		"marked again":            {0, []string{"!f", "end TestA PASS 0.0s #2", "end TestA PASS 0.0s #2", "!g"}, []string{"f[TestA]", "g[TestC]"}},
		"some in the log":         {3, []string{"!f", "end TestB PASS 0.0s #4"}, []string{"f[TestB]"}},
		"all in the log":          {5, []string{"!f"}, []string{"f[TestC]"}},
		"read after announcement": {4, nil, nil},
	} {
		l := newLogger()
		l.announce(1, announced...)
		for _, mark := range announced[:c.read] {
			l.mark(mark)
		}
		l.console(c.console...)
		if got := l.blamed(); !slices.Equal(got, c.want) {
			t.Errorf("%s: blamed %q, want %q", name, got, c.want)
		}
		if running := l.timeline.Running(); len(running) != 1 || running[0].Name != "TestC" {
			t.Errorf("%s: %d tests ran when the machine died, want TestC", name, len(running))
		}
	}
}

// An expectation is between its test's marks, although neither is on the console.
func TestMarksWithoutNumberFollowThoseAnnounced(t *testing.T) {
	l := newLogger()
	l.announce(1, "run TestA")
	l.console("expect TestA warning in.f #0", "!f")
	if unexpected := l.timeline.Unexpected(); len(unexpected) != 0 {
		t.Errorf("%d unexpected faults", len(unexpected))
	}
}

func TestAnnouncementsAreBounded(t *testing.T) {
	t.Parallel()
	l := newLogger()
	for i := range 3 * maxAnnounced {
		l.announce(i+1, "run TestA")
	}
	if n := len(l.timeline.marks); n > maxAnnounced {
		t.Errorf("%d announced marks are kept", n)
	}
	l.announce(3*maxAnnounced, "run TestOld") // not a greater number
	l.timeline.Announce("kmodtest: run TestB #9999999 other")
	l.timeline.Announce("no mark")
	if last := l.timeline.marks[len(l.timeline.marks)-1]; last.number != 3*maxAnnounced || !strings.Contains(last.line, "TestA") {
		t.Errorf("the last announced mark is %+v", last)
	}
	l.number = 3*maxAnnounced - 1
	l.mark("run TestA")
	l.announce(3*maxAnnounced+1, "run TestC")
	if n := len(l.timeline.marks); n != 1 {
		t.Errorf("%d announced marks are kept after the log had them", n)
	}
}
