package testoutput

import (
	"testing"

	"github.com/kmodtest/kmodtest/harness/internal/klog"
	"github.com/kmodtest/kmodtest/harness/internal/timeline"
)

func TestFaultsOfOnePlaceAreAlike(t *testing.T) {
	fault := func(title string, frames ...klog.Frame) timeline.Finding {
		return timeline.Finding{Fault: klog.Fault{Kind: klog.Warning, Title: title, Frames: frames}}
	}
	f, caller, guess := klog.Frame{Function: "f", Offset: 1}, klog.Frame{Function: "g", Offset: 2}, klog.Frame{Function: "h", Guess: true}
	first := fault("WARNING in f", f, caller)
	if same := fault("WARNING in f", f, guess, caller); identity(first) != identity(same) {
		t.Error("a frame that the kernel marks as a guess makes a different fault")
	}
	line, by, module := f, caller, f
	line.Offset, by.Function, module.Module = 3, "other", "m"
	for name, other := range map[string]timeline.Finding{
		"another title":  fault("WARNING in e", f, caller),
		"another line":   fault("WARNING in f", line, caller),
		"another caller": fault("WARNING in f", f, by),
		"another module": fault("WARNING in f", module, caller),
	} {
		if identity(other) == identity(first) {
			t.Errorf("with %s it is the same fault", name)
		}
	}
}
