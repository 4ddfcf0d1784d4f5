package testoutput

import (
	"fmt"
	"strings"

	"github.com/kmodtest/kmodtest/harness/internal/klog"
	"github.com/kmodtest/kmodtest/harness/internal/timeline"
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
	timeline *timeline.Timeline
	number   int
}

func newLogger() *logger { return &logger{timeline: timeline.New("word")} }

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
