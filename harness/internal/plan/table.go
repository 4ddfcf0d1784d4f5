// Package plan reads which kernels and packages a matrix has, and which of its runs may
// fail, from the table [matrix] of kmodtest.toml.
package plan

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/kmodtest/kmodtest/harness/internal/tomlerror"
)

// Table is the table [matrix] of the file.
type Table struct {
	Sets          map[string]Set `toml:"sets"`
	AllowedToFail []Rule         `toml:"allowed_to_fail"`
	NotApplicable []Rule         `toml:"not_applicable"`
	Unrelated     []string       `toml:"unrelated"` // patterns of files that are inputs of no package
}

// Set is the part of the matrix that kmodtest matrix --set runs.
type Set struct {
	Kernels  []string `toml:"kernels"`  // as for --kernels
	Packages []string `toml:"packages"` // as for the go command; none is the package in the working directory
}

// Rule says what is known about some runs.
type Rule struct {
	Kernels  []string       `toml:"kernels"`  // patterns as in path.Match; none is all
	Packages []string       `toml:"packages"` // patterns of import paths or their last elements; none is all
	Tests    string         `toml:"tests"`    // a regular expression for the names of tests that may fail; "" is all
	Reason   string         `toml:"reason"`
	Until    toml.LocalDate `toml:"until"` // the last day of an allowed failure

	tests *regexp.Regexp
}

// Read reads the table of a file. The zero value is that of a file without one.
func Read(file string) (Table, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return Table{}, err
	}
	t, err := parse(text)
	if err != nil {
		return Table{}, fmt.Errorf("%s: %w", file, err)
	}
	return t, nil
}

// file is all of a kmodtest.toml.
type file struct {
	Test   any   `toml:"test"` // package guestrun reads it
	Matrix Table `toml:"matrix"`
}

func parse(text []byte) (Table, error) {
	var f file
	err := toml.NewDecoder(bytes.NewReader(text)).DisallowUnknownFields().Decode(&f)
	var unknown *toml.StrictMissingError
	var bad *toml.DecodeError
	switch {
	case errors.As(err, &unknown) && len(unknown.Errors) > 0:
		line, _ := unknown.Errors[0].Position()
		return Table{}, fmt.Errorf("line %d: %s", line, tomlerror.Unknown[file](unknown.Errors[0].Key()))
	case errors.As(err, &bad):
		line, _ := bad.Position()
		return Table{}, fmt.Errorf("line %d: %s", line, tomlerror.Reason(bad))
	case err != nil:
		return Table{}, err
	}
	return f.Matrix, f.Matrix.check()
}

// check checks the values, and compiles the expressions.
func (t *Table) check() error {
	for name, set := range t.Sets {
		if len(set.Kernels) == 0 {
			return fmt.Errorf("[matrix.sets.%s] has no kernels", name)
		}
	}
	for i := range t.AllowedToFail {
		rule := &t.AllowedToFail[i]
		if err := rule.check(); err != nil {
			return fmt.Errorf("[[matrix.allowed_to_fail]] %d: %w", i+1, err)
		}
		if rule.Until == (toml.LocalDate{}) {
			return fmt.Errorf("[[matrix.allowed_to_fail]] %d: no until; want its last day, such as 2030-12-31", i+1)
		}
	}
	for i := range t.NotApplicable {
		rule := &t.NotApplicable[i]
		if err := rule.check(); err != nil {
			return fmt.Errorf("[[matrix.not_applicable]] %d: %w", i+1, err)
		}
		if rule.Tests != "" || rule.Until != (toml.LocalDate{}) {
			return fmt.Errorf("[[matrix.not_applicable]] %d: tests and until are for allowed_to_fail only", i+1)
		}
	}
	return checkPatterns(t.Unrelated)
}

func (r *Rule) check() error {
	if strings.TrimSpace(r.Reason) == "" {
		return errors.New("no reason")
	}
	if len(r.Kernels)+len(r.Packages) == 0 && r.Tests == "" {
		return errors.New("it has no kernels, packages or tests, so it would be for every run")
	}
	var err error
	if r.tests, err = regexp.Compile(r.Tests); err != nil {
		return err
	}
	return errors.Join(checkPatterns(r.Kernels), checkPatterns(r.Packages))
}

func checkPatterns(patterns []string) error {
	for _, pattern := range patterns {
		if _, err := path.Match(pattern, ""); err != nil {
			return fmt.Errorf("pattern %q: %w", pattern, err)
		}
	}
	return nil
}

// Set returns the set of that name.
func (t *Table) Set(name string) (Set, error) {
	set, ok := t.Sets[name]
	if !ok {
		return Set{}, fmt.Errorf("there is no set %q in [matrix.sets]; there are: %s", name, strings.Join(slices.Sorted(maps.Keys(t.Sets)), ", "))
	}
	return set, nil
}

// has reports whether the rule is for the runs of a package on a kernel.
func (r *Rule) has(kernel, pkg string) bool {
	return (len(r.Kernels) == 0 || matches(r.Kernels, kernel)) &&
		(len(r.Packages) == 0 || matches(r.Packages, pkg) || matches(r.Packages, path.Base(pkg)))
}

func matches(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		ok, err := path.Match(pattern, name)
		return ok && err == nil
	})
}
