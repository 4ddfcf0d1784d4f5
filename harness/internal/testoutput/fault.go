package testoutput

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kmodtest/kmodtest/harness/internal/printable"
	"github.com/kmodtest/kmodtest/harness/internal/timeline"
)

// addFaults adds to a test's output the faults that are attributed to it. It
// fails the test if there are any.
func (r *Reporter) addFaults(t *test, run *timeline.TestRun) error {
	faults, unmet := r.timeline.Of(run)
	alike := map[string]int{}
	for _, f := range faults {
		alike[identity(f)]++
	}
	for _, f := range faults {
		t.failed, r.Failed, r.faulty = true, true, true
		r.timeline.SetPrinted(f)
		more := alike[identity(f)] - 1
		delete(alike, identity(f))
		if more < 0 {
			continue // the first of its kind has been printed with their number
		}
		if r.Places != nil {
			r.Places.Resolve(&f)
		}
		text := faultText(f)
		if r.Image != "" && !f.Printed {
			text = strings.Replace(text, "\n", "\n    the memory of the machine is in "+r.Image+"\n", 1)
			r.Image = ""
		}
		if more > 0 {
			text += fmt.Sprintf("kernel fault (%s): %s: %d more like this\n", f.Kind, f.Title, more)
		}
		if err := r.out.add(t, text); err != nil {
			return err
		}
	}
	for _, e := range unmet {
		if slices.Contains(t.met, e.String()) {
			continue
		}
		t.failed, r.Failed = true, true
		if err := r.out.add(t, printable.Text(fmt.Sprintf("the kernel did not report %v\n", e))); err != nil {
			return err
		}
	}
	return nil
}

// identity is the same for faults at the same instruction that were reached by the
// same calls.
func identity(f timeline.Finding) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", f.Kind, f.Title)
	for _, frame := range f.Frames {
		if !frame.Guess {
			fmt.Fprintf(&b, " %s+%#x %s", frame.Function, frame.Offset, frame.Module)
		}
	}
	return b.String()
}

// faultText returns the lines about a fault in a test's output. The fault report
// is printed only once.
func faultText(f timeline.Finding) string {
	var b strings.Builder
	fmt.Fprintf(&b, "kernel fault (%s): %s\n", f.Kind, f.Title)
	if f.Printed {
		b.WriteString("    the report is in the output of another test that ran at the same time\n")
		return b.String()
	}
	last := ""
	for _, frame := range f.Frames {
		line := fmt.Sprintf("    %s:%d: in %s\n", frame.File, frame.Line, frame.Function)
		if frame.File != "" && !frame.Guess && line != last {
			b.WriteString(line)
			last = line
		}
	}
	for _, line := range f.Report {
		b.WriteString("    " + line + "\n")
	}
	return b.String()
}
