package dmesg

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/kmodtest/kmodtest/harness/internal/klog"
	"github.com/kmodtest/kmodtest/harness/internal/timeline"
)

// counter counts what is written to it.
type counter int

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

func TestPrintedKernelLogIsBounded(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"ends of line":       strings.Repeat("\n", 2000),
		"control characters": strings.Repeat("\x1b", 2000),
		"nothing":            "",
	} {
		var l Log
		for i := range 6000 {
			l.Add(klog.Record{Text: text}, i%2 == 0, timeline.New("w"))
		}
		var printed counter
		if err := l.Write(&printed); err != nil || printed > 4*recordsHalf+1<<20 {
			t.Errorf("%s: %d MiB are printed, %v", name, printed>>20, err)
		}
		if n := strings.Count(l.Tail(), "\n"); n >= TailLines {
			t.Errorf("%s: the end has %d lines", name, n+1)
		}
		if text != "" && !l.Boot.IsLong() {
			t.Errorf("%s: a machine with that log is saved", name)
		}
	}
	var l Log
	for i := range 300 {
		l.Add(klog.Record{Text: fmt.Sprint("line ", i)}, false, timeline.New("w"))
	}
	var b bytes.Buffer
	if err := l.Write(&b); err != nil || strings.Count(b.String(), "\n") != 300 {
		t.Errorf("%d lines, %v", strings.Count(b.String(), "\n"), err)
	}
	if end := l.Tail(); !strings.HasSuffix(b.String(), end+"\n") || strings.Count(end, "\n") != TailLines-1 {
		t.Errorf("the end is %q", end)
	}
}
