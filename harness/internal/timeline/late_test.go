package timeline

import (
	"testing"

	"github.com/kmodtest/kmodtest/harness/internal/klog"
)

// If marks are late, a fault between two tests belongs to the second: the mark of the end
// of the first one comes before the second begins.
func TestFaultBeforeLateMarkIsOfNextTest(t *testing.T) {
	for _, late := range []bool{false, true} {
		line := New("w")
		line.Late = late
		for _, text := range []string{"kmodtest: run TestA #1 w", "kmodtest: end TestA PASS 0.00s #2 w"} {
			line.Add(klog.Record{Facility: 1, Text: text})
		}
		for _, text := range []string{"------------[ cut here ]------------", "WARNING: CPU: 0 PID: 1 at f.c:1 f+0x1/0x2", "---[ end trace 0000000000000000 ]---"} {
			line.Add(klog.Record{Text: text})
		}
		if found := line.Findings(); len(found) != 1 || len(found[0].Tests) != 0 {
			t.Fatalf("late: %v: before the next test begins: %+v", late, found)
		} else if found[0].Awaits != late {
			t.Errorf("late: %v: the fault awaits a mark: %v", late, found[0].Awaits)
		}
		line.Add(klog.Record{Facility: 1, Text: "kmodtest: run TestB #3 w"})
		if line.Findings()[0].Awaits {
			t.Errorf("late: %v: the fault still awaits a mark", late)
		}
		var names []string
		for _, test := range line.Findings()[0].Tests {
			names = append(names, test.Name)
		}
		if late && (len(names) != 1 || names[0] != "TestB") || !late && len(names) != 0 {
			t.Errorf("late: %v: the fault is attributed to %v", late, names)
		}
	}
	line := New("w")
	line.Late = true
	line.Add(klog.Record{Text: "WARNING: CPU: 0 PID: 1 at f.c:1 f+0x1/0x2"})
	line.Beat()
	if line.Findings()[0].Awaits {
		t.Error("a fault outside of the tests awaits a mark although the kernel has logged nothing for a second")
	}
}
