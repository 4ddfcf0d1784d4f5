package matrix

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"strings"

	"github.com/kmodtest/kmodtest/harness/internal/report"
)

// converter is the path of the program that makes JSON of a test's output.
type converter string

// newConverter asks the go command for its test2json, which is built if need be.
func newConverter(ctx context.Context) (converter, error) {
	out, err := goCommand(ctx, "", "tool", "-n", "test2json")
	if err != nil {
		return "", fmt.Errorf("find test2json: %w", err)
	}
	return converter(strings.TrimSpace(string(out))), nil
}

// convert starts the converter, which ends when its input does.
func (c converter) convert(input io.Reader) (io.Reader, func() error, error) {
	cmd := exec.Command(string(c), "-t") //nolint:noctx // it ends with its input; with times, it tells how long tests took
	setOwnGroup(cmd)
	cmd.Stdin = input
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	return out, cmd.Wait, cmd.Start()
}

// event is a line of test2json.
type event struct {
	Action  string
	Test    string
	Elapsed float64
	Output  string
}

// harnessPrefix begins each line that the harness prints itself. It belongs to
// no test, though one may be running.
const harnessPrefix = "kmodtest: "

// verdictPrefix follows it where the harness says how a run ended.
const verdictPrefix = "FAIL: "

// faultPrefix begins the line in a test's output under which the harness gives
// the kernel's report of a fault.
const faultPrefix = "kernel fault ("

// stateOfAction are the actions that end a test.
var stateOfAction = map[string]report.State{"pass": report.Passed, "fail": report.Failed, "skip": report.Skipped}

// collector makes tests of events.
type collector struct {
	tests   []*collected
	byName  map[string]*collected
	output  strings.Builder // what belongs to no test
	changed func(report.Test)
	noted   func(text string) // of what the harness says it does, before all other output
	others  bool              // there was other output
}

type collected struct {
	report.Test
	output strings.Builder
	fault  bool // of the kernel, during it or a test in it
}

// read reads events to their end.
func (c *collector) read(r io.Reader) error {
	c.byName = map[string]*collected{}
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadBytes('\n')
		var e event
		if json.Unmarshal(line, &e) == nil {
			c.take(e)
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the tests' events: %w", err)
		}
	}
}

func (c *collector) take(e event) {
	if e.Action == "output" && isFraming(e.Output) {
		return
	}
	note, ofHarness := strings.CutPrefix(e.Output, harnessPrefix)
	if ofHarness && !c.others && !strings.HasPrefix(note, verdictPrefix) {
		c.noted(strings.TrimRight(note, "\n"))
	}
	c.others = c.others || !ofHarness && (e.Output != "" || e.Test != "")
	if e.Test == "" || ofHarness {
		c.output.WriteString(e.Output)
		return
	}
	test := c.byName[e.Test]
	if test == nil {
		test = &collected{Test: report.Test{Name: e.Test, State: report.NotRun}}
		c.byName[e.Test] = test
		c.tests = append(c.tests, test)
	}
	state, ended := stateOfAction[e.Action]
	switch {
	case ended:
		if state == report.Failed && test.fault {
			state = report.Fault
		}
		test.State, test.Seconds = state, e.Elapsed
		c.changed(test.Test)
	case e.Action == "run":
		c.changed(test.Test)
	case e.Action == "output":
		test.output.WriteString(e.Output)
		if strings.HasPrefix(strings.TrimLeft(e.Output, " "), faultPrefix) {
			c.blame(e.Test)
		}
	}
}

// blame marks a test, and those it is in, as the place of a fault.
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

// isFraming says whether a line of output only tells what is known already:
// that a test begins, goes on or ends.
func isFraming(line string) bool {
	text := strings.TrimLeft(line, " \x16")
	for _, prefix := range []string{"=== RUN ", "=== PAUSE ", "=== CONT ", "=== NAME ", "--- PASS: ", "--- FAIL: ", "--- SKIP: "} {
		if strings.HasPrefix(text, prefix) {
			return true
		}
	}
	return text == "PASS\n" || text == "FAIL\n"
}

// result returns the tests. One that has begun and not ended has the run's
// state: it is what the run ended in. What the harness printed of its own,
// raw, belongs to none of them, nor to the run's output.
func (c *collector) result(run report.State, raw string) (tests []report.Test, output string) {
	clean := func(text string) string {
		if raw != "" {
			text = strings.Replace(text, strings.TrimRight(raw, "\n")+"\n", "", 1)
		}
		return report.Clean([]byte(text))
	}
	tests = []report.Test{}
	for _, test := range c.tests {
		if test.State == report.NotRun && run.Bad() {
			test.State = run
		}
		test.Output = clean(test.output.String())
		tests = append(tests, test.Test)
	}
	return tests, clean(c.output.String())
}
