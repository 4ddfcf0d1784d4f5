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

// A trial runs the suite on one mutant after the other.
type trial struct {
	tree   tree
	suite  suite
	all    bool // show every killer, not the first alone
	width  int  // of the names
	stdout io.Writer
	stderr io.Writer
	// timeout is how long a run of the suite may take.
	timeout time.Duration
}

// A mutant that hangs would take the suite's timeout, which is made for any
// machine. How long it takes without a mutant tells how long it may take with
// one.
const (
	unchangedTimeout = 10 * time.Minute
	mutantTimeout    = 30 * time.Second // beside twice that of the unchanged module
)

// run tries the unchanged module, which must pass, and then the mutants. It
// fails if one survives that breaks something.
func (t *trial) run(ctx context.Context, mutants []mutant) error {
	if err := t.runUnchanged(ctx); err != nil {
		return err
	}
	counts := map[fate]int{}
	for i, m := range mutants {
		say(t.stderr, "mutants: %d of %d: %s", i+1, len(mutants), m.name)
		start := time.Now()
		f, err := t.try(ctx, m)
		if err != nil {
			return err
		}
		counts[f]++
		say(t.stderr, "mutants: %s took %.0f s", m.name, time.Since(start).Seconds())
	}
	if counts[survived]+counts[broken] > 0 {
		return fmt.Errorf("%d of %d were killed, %d survived, %d could not be tried, %d are equivalent, %d wait for a kernel",
			counts[killed], len(mutants), counts[survived], counts[broken], counts[equivalent], counts[waiting])
	}
	say(t.stderr, "mutants: %d were killed, %d are equivalent, %d wait for a kernel, and none survived",
		counts[killed], counts[equivalent], counts[waiting])
	return nil
}

func (t *trial) runUnchanged(ctx context.Context) error {
	say(t.stderr, "mutants: running the suite on the unchanged module")
	start := time.Now()
	o, err := t.suite.run(ctx, part{timeout: unchangedTimeout})
	if err != nil {
		return err
	}
	if !o.passed {
		return fmt.Errorf("the suite fails on the unchanged module, so it can tell nothing of mutants:\n%s", tail(o.output))
	}
	t.timeout = 2*time.Since(start) + mutantTimeout
	return t.suite.keep()
}

// try runs the suite on one mutant and prints what became of it. An error is
// one that ends the trial.
func (t *trial) try(ctx context.Context, m mutant) (fate, error) {
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
	f, reasons := judgeOf(m, o)
	if f == broken {
		say(t.stderr, "%s", tail(o.output))
	}
	if !t.all {
		reasons = reasons[:1]
	}
	return f, errors.Join(t.print(f, m, reasons...), t.tree.revert(ctx, m), t.suite.forget())
}

// runOn runs the tests that are to notice a mutant, and only if they do not, all
// of them. On a kernel of its own there are only the former: it is slow.
func (t *trial) runOn(ctx context.Context, m mutant) (outcome, error) {
	p := part{tests: m.tests, kernel: m.kernel, goOn: t.all, timeout: t.timeout}
	if m.kernel != "" {
		p.timeout = unchangedTimeout
	}
	if len(m.tests) > 0 && (!t.all || m.kernel != "") {
		o, err := t.suite.run(ctx, p)
		if err != nil || !o.passed || m.kernel != "" {
			return o, err
		}
		say(t.stderr, "mutants: %s was not noticed by %s", m.name, strings.Join(m.tests, ", "))
	}
	p.tests = nil
	return t.suite.run(ctx, p)
}

// refusal is why a mutant can not be tried on the kernel that it needs: that is
// not there, or fails the tests without the mutant.
func (t *trial) refusal(ctx context.Context, m mutant) (string, error) {
	list, err := images.List(ctx, images.Options{Dir: t.tree.dir})
	if err != nil {
		return "", fmt.Errorf("look for kernel %s: %w", m.kernel, err)
	}
	for _, kernel := range list {
		if kernel.Row.Name != m.kernel || kernel.State != images.Ready {
			continue
		}
		o, err := t.suite.run(ctx, part{tests: m.tests, kernel: m.kernel, timeout: unchangedTimeout})
		if err == nil && !o.passed {
			err = fmt.Errorf("the tests of %s fail on kernel %s without it:\n%s", m.name, m.kernel, tail(o.output))
		}
		if err == nil {
			err = t.suite.keep()
		}
		return "", err
	}
	return fmt.Sprintf("for kernel %s: kmodtest kernel build %s", m.kernel, m.kernel), nil
}

// print writes the line of a mutant; further reasons stand below the first.
func (t *trial) print(f fate, m mutant, reasons ...string) error {
	head := fmt.Sprintf("%-10s %-*s ", f, t.width, m.name)
	for _, reason := range reasons {
		if _, err := fmt.Fprintf(t.stdout, "%s %s\n", head, reason); err != nil {
			return fmt.Errorf("print result: %w", err)
		}
		head = strings.Repeat(" ", len(head))
	}
	return nil
}

// list prints what each mutant breaks.
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

// tailLines is how much of the suite's output is shown where it went wrong.
const tailLines = 60

func tail(text string) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(lines[max(len(lines)-tailLines, 0):], "\n")
}
