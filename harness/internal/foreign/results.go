// Package foreign compares the results of other authors' tests in a guest with those on the
// host, and explains the differences.
package foreign

import (
	"encoding/json"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Test names a test or a subtest.
type Test struct{ Package, Name string }

// parent returns the test that t is a subtest of.
func (t Test) parent() (Test, bool) {
	i := strings.LastIndexByte(t.Name, '/')
	return Test{t.Package, t.Name[:max(i, 0)]}, i >= 0
}

// top returns the top-level test that t belongs to.
func (t Test) top() Test {
	name, _, _ := strings.Cut(t.Name, "/")
	return Test{t.Package, name}
}

// Outcome is how a test ended.
type Outcome string

// The outcomes, as the go command writes them.
const (
	Pass Outcome = "pass"
	Skip Outcome = "skip"
	Fail Outcome = "fail"
)

// Result is the result of a test.
type Result struct {
	Outcome Outcome // empty if the test has not ended
	Output  string
	paused  bool
}

// Results are the results of tests.
type Results map[Test]*Result

// event is a line of go test -json.
type event struct{ Action, Package, Test, Output string }

// Read reads the output of go test -json.
func Read(r io.Reader) (Results, error) {
	results := Results{}
	decoder := json.NewDecoder(r)
	for {
		var e event
		if err := decoder.Decode(&e); err == io.EOF {
			return results, nil
		} else if err != nil {
			return nil, err
		}
		if e.Test != "" {
			results.add(e)
		}
	}
}

func (r Results) add(e event) {
	test := Test{e.Package, e.Test}
	if r[test] == nil {
		r[test] = &Result{}
	}
	result := r[test]
	switch e.Action {
	case "pass", "skip", "fail":
		result.Outcome = Outcome(e.Action)
	case "output":
		result.Output += e.Output
	case "pause":
		result.paused = true
	case "cont":
		result.paused = false
	}
}

var panics = regexp.MustCompile(`(?m)^panic: `)

// Settle decides how the tests ended that were running when their test binary ended too
// early. Those that caused it have failed; the others are removed. It returns the packages
// with tests that were removed, or that had not begun, for these to run again.
func (r Results) Settle() []string {
	again := map[string]bool{}
	for _, culprit := range r.culprits() {
		again[culprit.Package] = true
		for test, result := range r {
			if test.top() == culprit && result.Outcome == "" {
				result.Outcome = Fail
			}
		}
	}
	for test := range r {
		if r[test.top()].Outcome == "" {
			again[test.Package] = true
			delete(r, test)
		}
	}
	return slices.Sorted(maps.Keys(again))
}

// culprits returns the top-level tests that ended their test binaries: those with a panic
// in the output or, if a package has none, those that ran.
func (r Results) culprits() []Test {
	blamed, running := map[Test]bool{}, map[Test]bool{}
	ended := map[string]bool{} // packages whose binaries a test has ended
	for test, result := range r {
		top := test.top()
		switch {
		case panics.MatchString(result.Output) && (r[top].Outcome == "" || r[top].Outcome == Fail):
			blamed[top], ended[test.Package] = true, true
		case result.Outcome == "" && !result.paused:
			running[top] = true
		}
	}
	for test := range running {
		if !ended[test.Package] && r[test].Outcome == "" {
			blamed[test] = true
		}
	}
	return slices.Collect(maps.Keys(blamed))
}

// Ended returns a pattern of the top-level tests of a package that have ended, for -skip.
func (r Results) Ended(pkg string) string {
	var names []string
	for test, result := range r {
		if test.Package == pkg && test == test.top() && result.Outcome != "" {
			names = append(names, regexp.QuoteMeta(test.Name))
		}
	}
	slices.Sort(names)
	return "^(" + strings.Join(names, "|") + ")$"
}

// Count returns how many tests of a package, subtests included, ended in a way.
func (r Results) Count(pkg string, outcome Outcome) int {
	n := 0
	for test, result := range r {
		if test.Package == pkg && result.Outcome == outcome {
			n++
		}
	}
	return n
}

// outcome returns how a test ended. A test that does not occur ended as its parent did.
func (r Results) outcome(t Test) Outcome {
	for {
		if result := r[t]; result != nil {
			return result.Outcome
		}
		parent, ok := t.parent()
		if !ok {
			return ""
		}
		t = parent
	}
}

// output returns the output of a test and of its parents.
func (r Results) output(t Test) string {
	var b strings.Builder
	for ok := true; ok; t, ok = t.parent() {
		if result := r[t]; result != nil {
			b.WriteString(result.Output)
		}
	}
	return b.String()
}
