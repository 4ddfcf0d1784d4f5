package host

import (
	"fmt"
	"slices"
	"strings"
)

// blame adds to a test what the kernel's log says about it.
func (n *narrator) blame(test *node, s *stay) error {
	faults, unmet := n.course.verdict(s)
	alike := map[string]int{}
	for _, f := range faults {
		alike[f.identity()]++
	}
	for _, f := range faults {
		test.failed, n.failed, n.faulty = true, true, true
		again := n.course.hasTold(f)
		n.course.tell(f)
		more := alike[f.identity()] - 1
		delete(alike, f.identity())
		if more < 0 {
			continue // the first of its kind has told of it
		}
		if n.places != nil {
			n.places(&f)
		}
		words := f.words(again)
		if more > 0 {
			words += fmt.Sprintf("kernel fault (%s): %s: %d more like this\n", f.Kind, f.Title, more)
		}
		if err := n.add(test.name, words); err != nil {
			return err
		}
	}
	for _, e := range unmet {
		if slices.Contains(test.met, e.String()) {
			continue
		}
		test.failed, n.failed = true, true
		if err := n.add(test.name, fmt.Sprintf("the kernel did not report %v\n", e)); err != nil {
			return err
		}
	}
	return nil
}

// identity tells the fault from others that the kernel reported at another
// instruction, or that came there by other calls.
func (f *finding) identity() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", f.Kind, f.Title)
	for _, frame := range f.Frames {
		if !frame.Guess {
			fmt.Fprintf(&b, " %s+%#x %s", frame.Function, frame.Offset, frame.Module)
		}
	}
	return b.String()
}

// words is the fault as a test's output has it: again tells that another one has
// had the report.
func (f *finding) words(again bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "kernel fault (%s): %s\n", f.Kind, f.Title)
	if again {
		b.WriteString("    its report is with the other test that ran at that time\n")
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
