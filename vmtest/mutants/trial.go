// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/kmodtest/kmodtest/images"
)

// A trial runs the suite on one mutant after another.
type trial struct {
	tree   tree
	suite  suite
	all    bool // print every killer, not only the first
	width  int  // of the longest name
	stdout io.Writer
	stderr io.Writer
	// timeout limits each run of the suite on a mutant.
	timeout time.Duration
}

// A mutant that hangs would run until the suite's timeout, which suits any host.
// The duration of the run on the unchanged module determines a shorter timeout.
const (
	unchangedTimeout = 10 * time.Minute
	mutantTimeout    = 30 * time.Second // plus twice the time of the unchanged module
)

// run runs the suite on the unchanged module, where it must pass, and then on each
// mutant. It fails if a mutant that is not equivalent survives, or if a mutant
// could not be tried.
func (t *trial) run(ctx context.Context, mutants []mutant) error {
	if err := t.runUnchanged(ctx); err != nil {
		return err
	}
	counts := map[status]int{}
	for i, m := range mutants {
		printLine(t.stderr, "mutants: %d of %d: %s", i+1, len(mutants), m.name)
		start := time.Now()
		s, err := t.try(ctx, m)
		if err != nil {
			return err
		}
		counts[s]++
		printLine(t.stderr, "mutants: %s took %.0f s", m.name, time.Since(start).Seconds())
	}
	if counts[survived]+counts[broken] > 0 {
		return fmt.Errorf("%d of %d killed, %d survived, %d could not be tried, %d equivalent, %d waiting for a kernel",
			counts[killed], len(mutants), counts[survived], counts[broken], counts[equivalent], counts[waiting])
	}
	printLine(t.stderr, "mutants: %d killed, %d equivalent, %d waiting for a kernel, none survived",
		counts[killed], counts[equivalent], counts[waiting])
	return nil
}

func (t *trial) runUnchanged(ctx context.Context) error {
	printLine(t.stderr, "mutants: running the suite on the unchanged module")
	start := time.Now()
	o, err := t.suite.run(ctx, part{timeout: unchangedTimeout})
	if err != nil {
		return err
	}
	if !o.passed {
		return fmt.Errorf("the suite fails on the unchanged module; make it pass before trying mutants:\n%s", tail(o.output))
	}
	t.timeout = 2*time.Since(start) + mutantTimeout
	return t.suite.keep()
}

// try runs the suite on one mutant and prints its status. An error ends the trial.
func (t *trial) try(ctx context.Context, m mutant) (status, error) {
	if m.kernel != "" {
		if why, err := t.refusal(ctx, m); err != nil || why != "" {
			return waiting, errors.Join(err, t.print(waiting, m, why))
		}
	}
	if err := t.tree.apply(ctx, m); err != nil {
		if ctx.Err() != nil {
			return broken, err
		}
		return broken, t.print(broken, m, strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	o, err := t.runOn(ctx, m)
	if err != nil {
		return broken, err
	}
	s, reasons := judgeOf(m, o)
	if s == killed && m.sibling() != "" {
		printLine(t.stderr, "mutants: %s was killed on kernel %s; running the same tests on %s", m.name, m.kernel, m.sibling())
		o, err = t.suite.run(ctx, part{tests: m.tests, kernel: m.sibling(), keepGoing: t.all, timeout: unchangedTimeout})
		if err != nil {
			return broken, err
		}
		s, reasons = judgeOnSibling(m, o, reasons)
	}
	if s == broken {
		printLine(t.stderr, "%s", tail(o.output))
	}
	if !t.all {
		reasons = reasons[:1]
	}
	return s, errors.Join(t.print(s, m, reasons...), t.tree.revert(ctx, m), t.suite.forget())
}

// runOn runs the tests that the patch names and, if they all pass, the whole
// suite. On a kernel that the patch names it runs only the named tests, because
// such a kernel is slow.
func (t *trial) runOn(ctx context.Context, m mutant) (outcome, error) {
	p := part{tests: m.tests, kernel: m.kernel, keepGoing: t.all, timeout: t.timeout}
	if m.kernel != "" {
		p.timeout = unchangedTimeout
	}
	if len(m.tests) > 0 && (!t.all || m.kernel != "") {
		o, err := t.suite.run(ctx, p)
		if err != nil || !o.passed || m.kernel != "" {
			return o, err
		}
		printLine(t.stderr, "mutants: %s was not killed by %s; running the whole suite", m.name, strings.Join(m.tests, ", "))
	}
	p.tests = nil
	return t.suite.run(ctx, p)
}

// refusal returns "" if a mutant can be tried on the kernel that it requires, or
// the reason why not: the kernel has not been built. An error means that the tests
// fail on that kernel without the mutant, or could not be run.
func (t *trial) refusal(ctx context.Context, m mutant) (string, error) {
	list, err := images.List(ctx, images.Options{Dir: t.tree.dir})
	if err != nil {
		return "", fmt.Errorf("find kernel %s: %w", m.kernel, err)
	}
	for _, kernel := range list {
		if kernel.Row.Name != m.kernel || kernel.State != images.Ready {
			continue
		}
		o, err := t.suite.run(ctx, part{tests: m.tests, kernel: m.kernel, timeout: unchangedTimeout})
		if err == nil && !o.passed {
			err = fmt.Errorf("the tests of mutant %s fail on kernel %s without the mutant:\n%s", m.name, m.kernel, tail(o.output))
		}
		if err == nil {
			err = t.suite.keep()
		}
		return "", err
	}
	return fmt.Sprintf("for kernel %s: build it with kmodtest kernel build %s", m.kernel, m.kernel), nil
}

// print prints the result line of a mutant, and further reasons below it.
func (t *trial) print(s status, m mutant, reasons ...string) error {
	head := fmt.Sprintf("%-10s %-*s ", s, t.width, m.name)
	for _, reason := range reasons {
		if _, err := fmt.Fprintf(t.stdout, "%s %s\n", head, reason); err != nil {
			return fmt.Errorf("print result: %w", err)
		}
		head = strings.Repeat(" ", len(head))
	}
	return nil
}

// list prints the behaviour that each mutant breaks.
func (t *trial) list(mutants []mutant) error {
	for _, m := range mutants {
		text := m.breaks
		if m.equivalent != "" {
			text = "nothing: " + m.equivalent
		}
		if _, err := fmt.Fprintf(t.stdout, "%-*s  %s\n", t.width, m.name, text); err != nil {
			return fmt.Errorf("print list: %w", err)
		}
	}
	return nil
}

// tailLines is the number of lines of the suite's output that an error shows.
const tailLines = 60

func tail(text string) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(lines[max(len(lines)-tailLines, 0):], "\n")
}
