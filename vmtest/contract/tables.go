// Package contract checks that three lists agree: the rows of the module's
// contract in kmod/README.md, the tables of docs/suite.md, which name the tests of
// each row, and the tests of the suite. It needs no machine.
package contract

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// A row is a line of a table in a Markdown document.
type row struct {
	name  string // its first cell
	tests []string
}

var (
	testName  = regexp.MustCompile("`((?:Test|Fuzz|Benchmark)\\w+)`")
	separator = regexp.MustCompile(`^\|(-+\|)+$`)
)

// section returns the text of a Markdown document between a second-level heading
// and the next one.
func section(document, heading string) (string, error) {
	_, after, found := strings.Cut("\n"+document, "\n## "+heading+"\n")
	if !found {
		return "", fmt.Errorf("find section: no heading %q", heading)
	}
	text, _, _ := strings.Cut(after, "\n## ")
	return text, nil
}

// rows returns the rows of all tables in text, without the header rows.
func rows(text string) []row {
	var out []row
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if separator.MatchString(line) {
			out = out[:len(out)-1]
			continue
		}
		if !strings.HasPrefix(line, "|") {
			continue
		}
		name, rest, _ := strings.Cut(line[1:], "|")
		r := row{name: strings.TrimSpace(name)}
		for _, m := range testName.FindAllStringSubmatch(rest, -1) {
			r.tests = append(r.tests, m[1])
		}
		out = append(out, r)
	}
	return out
}

// declared returns the names of the tests, fuzz targets and benchmarks in the
// test files of a directory, regardless of build constraints.
func declared(dir string) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		return nil, fmt.Errorf("list tests: %w", err)
	}
	var out []string
	for _, file := range files {
		tree, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, fmt.Errorf("parse tests: %w", err)
		}
		for _, d := range tree.Decls {
			f, ok := d.(*ast.FuncDecl)
			if ok && f.Recv == nil && f.Name.Name != "TestMain" && testName.MatchString("`"+f.Name.Name+"`") {
				out = append(out, f.Name.Name)
			}
		}
	}
	return out, nil
}

// differences returns one line for each row of the contract without tests, each
// row of the suite that is not in the contract, each duplicate row, each test that
// does not exist, and each test that no row names. The rows of more need not be in
// the contract.
func differences(contract, suite, more []row, tests []string) []string {
	var out []string
	byName := map[string]row{}
	for _, r := range suite {
		if _, twice := byName[r.name]; twice {
			out = append(out, fmt.Sprintf("docs/suite.md has row %q twice", r.name))
		}
		byName[r.name] = r
	}
	promised := map[string]bool{}
	for _, r := range contract {
		if promised[r.name] {
			out = append(out, fmt.Sprintf("kmod/README.md has row %q twice", r.name))
		}
		promised[r.name] = true
		if len(byName[r.name].tests) == 0 {
			out = append(out, fmt.Sprintf("row %q of kmod/README.md has no test in docs/suite.md", r.name))
		}
	}
	for _, r := range suite {
		if !promised[r.name] {
			out = append(out, fmt.Sprintf("row %q of docs/suite.md is not in kmod/README.md", r.name))
		}
	}
	return append(out, unmatched(slices.Concat(suite, more), tests)...)
}

// unmatched compares the tests that rows name with the existing tests.
func unmatched(rows []row, tests []string) []string {
	var out []string
	exists, named := map[string]bool{}, map[string]bool{}
	for _, name := range tests {
		exists[name] = true
	}
	for _, r := range rows {
		for _, name := range r.tests {
			named[name] = true
			if !exists[name] {
				out = append(out, fmt.Sprintf("row %q of docs/suite.md names %s, which vmtest does not have", r.name, name))
			}
		}
	}
	for _, name := range tests {
		if !named[name] {
			out = append(out, fmt.Sprintf("no row of docs/suite.md names %s", name))
		}
	}
	return out
}
