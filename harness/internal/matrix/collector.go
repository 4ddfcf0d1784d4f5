package matrix

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/kmodtest/kmodtest/harness/internal/report"
)

// Limits of the output and the tests that are kept for a run.
const (
	outputLimit = 4 << 20 // bytes of the outputs of all tests; report.TextLimit is the limit of each
	testsLimit  = 10_000  // tests and subtests
	failedLimit = 1_000   // tests beyond testsLimit that failed
	notesLimit  = 100     // lines of the harness before the tests
)

// harnessPrefix begins each line that the harness prints itself. It belongs to
// no test, even if one is running.
const harnessPrefix = "kmodtest: "

// verdictPrefix follows harnessPrefix in the line with the verdict of a run that
// failed.
const verdictPrefix = "FAIL: "

// stateOfAction maps the actions that end a test to its state.
var stateOfAction = map[string]report.State{"pass": report.Passed, "fail": report.Failed, "skip": report.Skipped}

// collector turns events into tests.
type collector struct {
	changed func(report.Test) // is called when a test begins or ends
	noted   func(text string) // is called for lines of the harness before all other output

	tests    []*collected
	byName   map[string]*collected
	unlisted int         // tests beyond testsLimit
	output   report.Clip // output outside of tests
	size     int         // bytes kept of the tests' outputs
	notes    int         // calls of noted
	others   bool        // there was output that is not the harness's
}

type collected struct {
	report.Test
	output report.Clip
	fault  bool // the kernel reported a fault during this test or a test in it
}

// read takes events until r ends.
func (c *collector) read(r io.Reader) error {
	c.byName = map[string]*collected{}
	return readEvents(r, c.take)
}

func (c *collector) take(e event) {
	if e.Action == "output" && isFraming(e.Output) {
		return
	}
	e.Output = report.Clean([]byte(e.Output))
	note, ofHarness := strings.CutPrefix(e.Output, harnessPrefix)
	if ofHarness {
		c.note(note)
	}
	c.others = c.others || !ofHarness && (e.Output != "" || e.Test != "")
	if e.Test == "" || ofHarness {
		c.output.WriteString(e.Output)
		return
	}
	test := c.find(e)
	switch state, ended := stateOfAction[e.Action]; {
	case ended:
		if state == report.Failed && test.fault {
			state = report.Fault
		}
		test.State, test.Seconds = state, e.Elapsed
		c.changed(test.Test)
	case e.Action == "run":
		c.changed(test.Test)
	case e.Action == "output":
		if strings.HasPrefix(strings.TrimLeft(e.Output, " "), report.FaultPrefix) {
			c.blame(test.Name)
		}
		c.keep(test, e.Output)
	}
}

// note reports what the harness does before the tests.
func (c *collector) note(text string) {
	if c.others || strings.HasPrefix(text, verdictPrefix) || c.notes == notesLimit {
		return
	}
	c.notes++
	c.noted(report.CleanLine(text))
}

// find returns the test of an event. Beyond the limits it returns one that is
// not kept.
func (c *collector) find(e event) *collected {
	name := report.CleanName(e.Test)
	if test := c.byName[name]; test != nil {
		return test
	}
	test := &collected{Test: report.Test{Name: name, State: report.NotRun}}
	listed := len(c.tests) < testsLimit
	if !listed && stateOfAction[e.Action] == report.Failed && len(c.tests) < testsLimit+failedLimit {
		listed = true
		c.unlisted--
	}
	switch {
	case listed:
		c.byName[name] = test
		c.tests = append(c.tests, test)
	case e.Action == "run":
		c.unlisted++
	}
	return test
}

// keep adds output to a test, or to the run if the test is not listed. If all
// outputs together are too long, it shortens those of tests that passed first.
func (c *collector) keep(test *collected, text string) {
	if c.byName[test.Name] == nil {
		c.output.WriteString(text)
		return
	}
	before := test.output.Size()
	test.output.WriteString(text)
	c.size += test.output.Size() - before
	if c.size > outputLimit {
		c.shrink(func(test *collected) bool { return test.State == report.Passed || test.State == report.Skipped })
		c.shrink(func(*collected) bool { return true })
	}
}

// shrink shortens the longest outputs of the given tests so that all outputs
// together are a quarter below the limit, if that is possible.
func (c *collector) shrink(among func(*collected) bool) {
	const target = outputLimit / 4 * 3
	if c.size <= target {
		return
	}
	var chosen []*collected
	var sizes []int
	budget := target - c.size
	for _, test := range c.tests {
		if among(test) {
			chosen = append(chosen, test)
			sizes = append(sizes, test.output.Size())
			budget += test.output.Size()
		}
	}
	most := report.Level(sizes, budget)
	for i, test := range chosen {
		if sizes[i] > most {
			test.output.Shrink(most)
			c.size += test.output.Size() - sizes[i]
		}
	}
}

// blame marks a test, and the tests that it is in, as the place of a fault.
func (c *collector) blame(name string) {
	for {
		if test := c.byName[name]; test != nil {
			test.fault = true
		}
		end := strings.LastIndexByte(name, '/')
		if end < 0 {
			return
		}
		name = name[:end]
	}
}

// isFraming reports whether a line of output only reports that a test begins,
// continues or ends, as events do, too.
func isFraming(line string) bool {
	text := strings.TrimLeft(line, " \x16")
	for _, prefix := range []string{"=== RUN ", "=== PAUSE ", "=== CONT ", "=== NAME ", "--- PASS: ", "--- FAIL: ", "--- SKIP: "} {
		if strings.HasPrefix(text, prefix) {
			return true
		}
	}
	return text == "PASS\n" || text == "FAIL\n"
}

// result adds the tests and the output to a run whose state is known. A test
// that has not ended gets the state of the run, which ended during the test.
// result removes raw from the outputs.
func (c *collector) result(run *report.Run, raw string) {
	raw = strings.TrimRight(report.Clean([]byte(raw)), "\n")
	without := func(output *report.Clip) string {
		text := output.String()
		if raw != "" {
			text = strings.Replace(text, raw+"\n", "", 1)
		}
		return text
	}
	run.Tests = slices.Grow([]report.Test{}, len(c.tests))
	for _, test := range c.tests {
		if test.State == report.NotRun && run.State.Bad() {
			test.State = run.State
		}
		test.Output = without(&test.output)
		run.Tests = append(run.Tests, test.Test)
	}
	run.Output = without(&c.output)
	run.Unlisted = max(c.unlisted, 0)
	if c.unlisted > 0 {
		run.Output += fmt.Sprintf("%s%d tests are not listed: a run lists %d, and more only if they failed\n", harnessPrefix, c.unlisted, testsLimit)
	}
}
