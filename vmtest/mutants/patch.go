// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// A mutant is a patch that breaks the module. Above its diff, the patch says in
// a paragraph what the author did; in another, which begins with "Breaks:", what
// the module then does not do as it promises; and in a third, which begins with
// "Noticed by:", which tests of the suite are there to notice. Where an ordinary
// kernel shows nothing, that one also says on which kernel it is noticed.
//
// Of a patch that breaks nothing after all, one that begins with "Equivalent:"
// says why, in the place of the latter two.
type mutant struct {
	name       string
	path       string // of the patch
	why        string
	breaks     string
	equivalent string // "" if it is not
	tests      []string
	kernel     string // "" if any
}

const (
	patchSuffix     = ".patch"
	breaksLabel     = "Breaks:"
	equivalentLabel = "Equivalent:"
	noticedLabel    = "Noticed by:"
	diffStart       = "--- a/"
	diffTarget      = "+++ b/"
	moduleDir       = "kmod/"
)

var (
	testName   = regexp.MustCompile(`\bTest\w+`)
	kernelName = regexp.MustCompile(` on kernel ([\w.-]*\w)`)
)

// readMutants reads all patches in a directory, in the order of their names.
func readMutants(dir string) ([]mutant, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*"+patchSuffix))
	if err != nil {
		return nil, fmt.Errorf("find patches: %w", err)
	}
	var mutants []mutant
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read patch: %w", err)
		}
		m, err := parsePatch(string(text))
		if err != nil {
			return nil, fmt.Errorf("read patch %s: %w", filepath.Base(file), err)
		}
		m.path = file
		m.name = strings.TrimSuffix(filepath.Base(file), patchSuffix)
		mutants = append(mutants, m)
	}
	return mutants, nil
}

// parsePatch reads what a patch says above its diff, and checks that the diff
// changes nothing but the module.
func parsePatch(text string) (mutant, error) {
	var m mutant
	head, diff, found := strings.Cut("\n"+text, "\n"+diffStart)
	if !found {
		return m, fmt.Errorf("no line begins with %q", diffStart)
	}
	for paragraph := range strings.SplitSeq(head, "\n\n") {
		text := strings.Join(strings.Fields(paragraph), " ")
		if breaks, ok := strings.CutPrefix(text, breaksLabel); ok {
			m.breaks = strings.TrimSpace(breaks)
		} else if equivalent, ok := strings.CutPrefix(text, equivalentLabel); ok {
			m.equivalent = strings.TrimSpace(equivalent)
		} else if noticed, ok := strings.CutPrefix(text, noticedLabel); ok {
			m.tests = testName.FindAllString(noticed, -1)
			if found := kernelName.FindStringSubmatch(noticed); found != nil {
				m.kernel = found[1]
			}
		} else if m.why == "" {
			m.why = text
		}
	}
	switch {
	case m.why == "":
		return m, errors.New("it does not say what the author did")
	case m.equivalent != "" && (m.breaks != "" || len(m.tests) > 0):
		return m, fmt.Errorf("it has a paragraph that begins with %q, so it cannot break anything that a test would notice", equivalentLabel)
	case m.equivalent != "":
	case m.breaks == "":
		return m, fmt.Errorf("it has no paragraph that begins with %q", breaksLabel)
	case len(m.tests) == 0:
		return m, fmt.Errorf("it names no test in a paragraph that begins with %q", noticedLabel)
	}
	for line := range strings.Lines(diff) {
		if target, ok := strings.CutPrefix(line, diffTarget); ok && !strings.HasPrefix(target, moduleDir) {
			return m, fmt.Errorf("it changes %s, which is not in %s", strings.TrimSpace(target), moduleDir)
		}
	}
	return m, nil
}

// choose returns the mutants that are asked for by name, pattern or file: all
// of them if none is. A request that no mutant answers is an error.
func choose(mutants []mutant, names []string) ([]mutant, error) {
	if len(names) == 0 {
		if len(mutants) == 0 {
			return nil, errors.New("there are no patches")
		}
		return mutants, nil
	}
	asked := make([]bool, len(mutants))
	for _, name := range names {
		pattern := strings.TrimSuffix(filepath.Base(name), patchSuffix)
		found := false
		for i, m := range mutants {
			matches, err := path.Match(pattern, m.name)
			if err != nil {
				return nil, fmt.Errorf("choose mutants %q: %w", name, err)
			}
			asked[i] = asked[i] || matches
			found = found || matches
		}
		if !found {
			return nil, fmt.Errorf("choose mutants: there is none called %q", name)
		}
	}
	var chosen []mutant
	for i, m := range mutants {
		if asked[i] {
			chosen = append(chosen, m)
		}
	}
	return chosen, nil
}

// width is how long the longest name is.
func width(mutants []mutant) int {
	longest := slices.MaxFunc(mutants, func(a, b mutant) int { return len(a.name) - len(b.name) })
	return len(longest.name)
}
