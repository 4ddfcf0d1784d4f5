// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
)

// An outcome is the result of one run of the suite.
type outcome struct {
	passed  bool
	killers []killer
	// verdict is the harness's reason for failing the run, other than a failed
	// test: a kernel fault, or a module that does not load.
	verdict string
	// running is the test that was running when the output ended, or "".
	running string
	output  string
}

// A killer is a test that failed, and the first line of its failure message.
type killer struct{ test, message string }

// event is a line of go test -json.
type event struct {
	Action, Test, Output string
}

var (
	messageLine = regexp.MustCompile(`^ +[^ ]+_test\.go:\d+: (.*)`)
	quotedLine  = regexp.MustCompile(`^ +\| +[^ ]+_test\.go:\d+: (.*)`) // of a child process
	panicLine   = regexp.MustCompile(`^(panic: .*)`)
	verdictLine = regexp.MustCompile(`^kmodtest: FAIL: (.*)`)
)

// readOutcome reads the events that go test -json prints for one package.
func readOutcome(r io.Reader) (outcome, error) {
	var o outcome
	var output strings.Builder
	reasons := messages{text: map[string]string{}, quoted: map[string]bool{}}
	var failed, running []string
	for decoder := json.NewDecoder(r); ; {
		var e event
		if err := decoder.Decode(&e); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return o, fmt.Errorf("read events of the suite: %w", err)
		}
		switch e.Action {
		case "output":
			output.WriteString(e.Output)
			if m := verdictLine.FindStringSubmatch(e.Output); m != nil && o.verdict == "" {
				o.verdict = m[1]
			}
			reasons.add(e.Test, e.Output)
		case "run":
			running = append(running, e.Test)
		case "pass", "fail", "skip":
			running = slices.DeleteFunc(running, func(test string) bool { return test == e.Test })
			if e.Action == "fail" && e.Test != "" {
				failed = append(failed, e.Test)
			}
			o.passed = o.passed || e.Action == "pass" && e.Test == ""
		}
	}
	if len(running) > 0 {
		o.running = running[len(running)-1]
	}
	o.output = output.String()
	o.killers = reasons.of(append(failed, running...))
	return o, nil
}

// messages are the failure messages of tests.
type messages struct {
	tests  []string          // in the order of their first messages
	text   map[string]string // by test: the first line of its first message
	quoted map[string]bool   // by test: the text includes a message of a child process
}

// add adds a line that a test has printed. If the first message quotes a child
// process, the child's first message is appended, because it is more specific.
func (m *messages) add(test, line string) {
	if m.text[test] == "" {
		for _, form := range []*regexp.Regexp{messageLine, panicLine} {
			if found := form.FindStringSubmatch(line); found != nil {
				m.text[test] = found[1]
				m.tests = append(m.tests, test)
				return
			}
		}
	}
	if found := quotedLine.FindStringSubmatch(line); found != nil && m.text[test] != "" && !m.quoted[test] {
		m.text[test] += ": " + found[1]
		m.quoted[test] = true
	}
}

// of returns those of tests that printed a failure message, in the order of the
// messages. A test that failed only because a subtest failed has none, and
// neither has one that was interrupted.
func (m *messages) of(tests []string) []killer {
	var found []killer
	for _, test := range m.tests {
		if slices.Contains(tests, test) {
			found = append(found, killer{test, m.text[test]})
		}
	}
	return found
}
