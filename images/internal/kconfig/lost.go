package kconfig

import (
	"fmt"
	"slices"
	"strings"
)

// Lost is a line that did not take effect.
type Lost struct {
	Line
	Got string // the value that the symbol has instead
	Why string // the reason, such as an unmet dependency
}

// LostError lists the lines of fragments that did not take effect, with reasons.
type LostError struct{ Lines []Lost }

func (e *LostError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d of the requested configuration lines did not take effect:", len(e.Lines))
	for _, lost := range e.Lines {
		fmt.Fprintf(&b, "\n  %s: %s: it is %s; %s", lost.Where, lost.Line, lost.Got, lost.Why)
	}
	return b.String()
}

// Check compares the lines of fragments with the resulting configuration. If a line did not take
// effect, the error is a *LostError; Check reads the Kconfig files below dir for the reasons.
func Check(asked []Line, values Values, dir, arch string) error {
	var lost []Lost
	for _, line := range asked {
		if got := values.Of(line.Symbol); got != line.Value {
			lost = append(lost, Lost{Line: line, Got: got})
		}
	}
	if len(lost) == 0 {
		return nil
	}
	tree, err := ReadTree(dir, arch)
	if err != nil {
		return err
	}
	for i := range lost {
		lost[i].Why = tree.why(lost[i], values)
	}
	return &LostError{lost}
}

// why returns the reason why a line did not take effect.
func (t Tree) why(lost Lost, values Values) string {
	s := t[lost.Symbol]
	if s == nil || len(s.Depends) == 0 {
		return "this kernel has no symbol of that name"
	}
	if lost.Got == "n" || lost.Value == "y" && lost.Got == "m" {
		need := yes
		if lost.Value == "m" {
			need = module
		}
		if reason := s.unmet(values, need); reason != "" {
			return reason
		}
		return "all its dependencies are met: it may have no prompt, or another option of its choice is set"
	}
	var by []string
	for _, selector := range s.Selected {
		name, condition, conditional := strings.Cut(selector, " if ")
		on, certain := evaluate(condition, values)
		if values.Of(name) != "n" && (!conditional || on > no || !certain) {
			by = append(by, selector)
		}
	}
	if len(by) > 0 {
		return "selected by " + strings.Join(by, ", ")
	}
	return "its default is " + lost.Got + ", and it may have no prompt"
}

// unmet returns the symbol's dependencies that are not met. If the symbol is defined more than once,
// it returns those of the definition with the fewest.
func (s *Symbol) unmet(values Values, need int) string {
	var best []string
	for i, depends := range s.Depends {
		var missing []string
		for _, condition := range depends {
			value, certain := evaluate(condition, values)
			if (value < need || !certain) && !slices.Contains(missing, condition) {
				missing = append(missing, condition)
			}
		}
		if i == 0 || len(missing) < len(best) {
			best = missing
		}
	}
	var parts []string
	for _, condition := range best {
		part := "it depends on " + condition
		if now := operands(condition, values); len(now) > 0 {
			part += " (now " + strings.Join(now, ", ") + ")"
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ", and ")
}
