package timeline

import (
	"regexp"
	"regexp/syntax"
	"strings"

	"github.com/kmodtest/kmodtest/harness/internal/inside"
	"github.com/kmodtest/kmodtest/harness/internal/klog"
)

// Expectation is a fault that a test allows or expects.
type Expectation struct {
	must    bool      // the test fails if the fault does not come
	kind    klog.Kind // "" for any
	text    string    // the pattern as the guest wrote it
	pattern *regexp.Regexp
	size    int // of the pattern, in instructions
	from    int // the first record that it applies to
	met     bool
}

// String describes the fault. It may have any characters.
func (e *Expectation) String() string {
	kind := "a fault"
	if e.kind != "" {
		kind = "a fault of kind " + string(e.kind)
	}
	text := kind + " that matches " + e.text
	if e.pattern == nil {
		text += " (no fault does: this is no regular expression, or exceeds a limit)"
	}
	return text
}

// Limits of the patterns of a guest. A pattern that exceeds them matches no fault,
// so the test that expects it fails.
const (
	maxExpectations = 4000    // faults that the tests of a machine allow and expect
	maxPattern      = 500     // bytes; package guest refuses longer ones
	maxInstructions = 5000    // of one pattern when it is compiled
	maxProgram      = 1 << 18 // instructions of all patterns
	maxWork         = 1 << 34 // instructions times bytes of text, about a minute
)

// patterns is what the patterns of a machine's tests take.
type patterns struct {
	number  int
	program int // instructions
	work    int // instructions times bytes
}

// compile returns a pattern and its size; nil if it is not valid or too large.
func (p *patterns) compile(text string) (*regexp.Regexp, int) {
	if len(text) > maxPattern {
		return nil, 0
	}
	tree, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return nil, 0
	}
	program, err := syntax.Compile(tree.Simplify())
	if err != nil || len(program.Inst) > maxInstructions || p.program+len(program.Inst) > maxProgram {
		return nil, 0
	}
	pattern, err := regexp.Compile(text)
	if err != nil {
		return nil, 0
	}
	p.program += len(program.Inst)
	return pattern, len(program.Inst)
}

// expect adds the expectation in a mark.
func (r *TestRun) expect(m inside.Mark, from int, p *patterns) {
	if len(m.Words) < 2 || p.number >= maxExpectations {
		return
	}
	p.number++
	e := &Expectation{must: m.Verb == inside.MarkExpect, from: from}
	if e.must && len(m.Words) == 3 && m.Words[1] != "*" {
		e.kind = klog.Kind(strings.Clone(m.Words[1][:min(len(m.Words[1]), maxName)]))
	}
	text := m.Words[len(m.Words)-1]
	e.pattern, e.size = p.compile(text)
	e.text = strings.Clone(text[:min(len(text), maxPattern)])
	r.expectations = append(r.expectations, e)
}

// excuses reports whether the test allows or expects the fault, and notes that
// it came.
func (r *TestRun) excuses(f Finding, p *patterns) bool {
	excuses := false
	for _, e := range r.expectations {
		if f.At >= e.from && (e.kind == "" || e.kind == f.Kind) && e.matches(f, p) {
			e.met, excuses = true, true
		}
	}
	return excuses
}

// matches reports whether the pattern matches the fault.
func (e *Expectation) matches(f Finding, p *patterns) bool {
	if e.pattern == nil || p.work > maxWork {
		return false
	}
	bytes := len(f.Title)
	for _, line := range f.Report {
		bytes += len(line) + 1
	}
	p.work += bytes * e.size
	return f.Matches(e.pattern)
}
