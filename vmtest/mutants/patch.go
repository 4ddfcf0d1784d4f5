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

	"github.com/kmodtest/kmodtest/images"
	"github.com/kmodtest/kmodtest/images/arch"
)

// A mutant is a patch that breaks the module. Three paragraphs precede the diff:
// the mistake that the author made; the promise of the module that this breaks,
// after "Breaks:"; and the tests of the suite that must notice it, after "Noticed
// by:". If only a certain kernel can show it, "Noticed by:" also names that
// kernel. If that kernel is for another architecture than the host's, these tests
// must pass on the host's kernel of the same name.
//
// If the patch breaks nothing after all, a paragraph that begins with
// "Equivalent:" gives the reason, and replaces the last two paragraphs.
type mutant struct {
	name       string
	path       string // of the patch
	why        string
	breaks     string
	equivalent string // the reason why it breaks nothing; "" if it breaks something
	tests      []string
	kernel     string // the only kernel that shows it; "" means any
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
	kernelName = regexp.MustCompile(` on kernel ([\w.@-]*\w)`)
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

// parsePatch parses the paragraphs above a patch's diff, and checks that the diff
// changes only the module.
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
		return m, errors.New("no paragraph describes the author's mistake")
	case m.equivalent != "" && (m.breaks != "" || len(m.tests) > 0):
		return m, fmt.Errorf("a paragraph begins with %q, so no other may begin with %q or %q", equivalentLabel, breaksLabel, noticedLabel)
	case m.equivalent != "":
	case m.breaks == "":
		return m, fmt.Errorf("no paragraph begins with %q", breaksLabel)
	case len(m.tests) == 0:
		return m, fmt.Errorf("no paragraph begins with %q and names a test", noticedLabel)
	}
	for line := range strings.Lines(diff) {
		if target, ok := strings.CutPrefix(line, diffTarget); ok && !strings.HasPrefix(target, moduleDir) {
			return m, fmt.Errorf("the diff changes %s, which is not in %s", strings.TrimSpace(target), moduleDir)
		}
	}
	return m, nil
}

// sibling returns the host's kernel of the same name if the patch names a kernel for
// another architecture, else "". The mutant's tests must pass on it.
func (m mutant) sibling() string {
	row, goarch := images.SplitName(m.kernel)
	if goarch == "" || goarch == arch.Host().Name {
		return ""
	}
	return row
}

// choose returns the mutants that match names, each of which is a name, a pattern
// or a file; without names, it returns all. A name without a match is an error.
func choose(mutants []mutant, names []string) ([]mutant, error) {
	if len(names) == 0 {
		if len(mutants) == 0 {
			return nil, errors.New("there are no patches")
		}
		return mutants, nil
	}
	chosen := make([]bool, len(mutants))
	for _, name := range names {
		pattern := strings.TrimSuffix(filepath.Base(name), patchSuffix)
		found := false
		for i, m := range mutants {
			matches, err := path.Match(pattern, m.name)
			if err != nil {
				return nil, fmt.Errorf("choose mutants %q: %w", name, err)
			}
			chosen[i] = chosen[i] || matches
			found = found || matches
		}
		if !found {
			return nil, fmt.Errorf("choose mutants: no mutant matches %q", name)
		}
	}
	var out []mutant
	for i, m := range mutants {
		if chosen[i] {
			out = append(out, m)
		}
	}
	return out, nil
}

// width returns the length of the longest name.
func width(mutants []mutant) int {
	longest := slices.MaxFunc(mutants, func(a, b mutant) int { return len(a.name) - len(b.name) })
	return len(longest.name)
}
