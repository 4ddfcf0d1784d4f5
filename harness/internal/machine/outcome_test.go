package machine

import (
	"fmt"
	"testing"

	"github.com/kmodtest/kmodtest/harness/internal/klog"
	"github.com/kmodtest/kmodtest/harness/internal/timeline"
)

// The death of a machine does not fail the run only if all active tests expected
// it and the remaining tests run in another machine.
func TestUnexpectedDeathIsNoPass(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		marks  []string
		goesOn bool
		want   bool
	}{
		"all tests wait":        {[]string{"run TestA", "pause TestA"}, true, false},
		"the others do not run": {[]string{"run TestA", "expect TestA * ."}, false, false},
		"the others run":        {[]string{"run TestA", "expect TestA * ."}, true, true},
	} {
		m := &Machine{Timeline: timeline.New("w")}
		for i, mark := range c.marks {
			m.Timeline.Add(klog.Record{Facility: 1, Text: fmt.Sprintf("kmodtest: %s #%d w", mark, i+1)})
		}
		m.Timeline.Add(klog.Record{Text: "Kernel panic - not syncing: dead"})
		if got := (Outcome{m: m}).diedAsExpected(c.goesOn); got != c.want {
			t.Errorf("%s: died as expected: %v, want %v", name, got, c.want)
		}
	}
}
