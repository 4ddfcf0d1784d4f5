// Package report holds the results of tests on many kernels, and writes them for
// programs (JSON, JUnit XML) and for people (Markdown, HTML).
//
// Most strings of a report come from a guest, which may print anything. They are
// cleaned and limited when they enter a report (Report.AddRun, Report.AddKernel,
// Read, Merge) and again when it is written; see Clean.
package report

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/kmodtest/kmodtest/harness/internal/coverage"
	"github.com/kmodtest/kmodtest/harness/internal/verdict"
)

// Version is the version of the format that docs/report.md describes. It changes
// when a reader of the old format would misunderstand the new one.
const Version = 1

// Report is the outcome of every package on every kernel. It is complete if
// Missing returns nothing; the report of a part of a matrix or of an interrupted
// one is not.
type Report struct {
	Version     int       `json:"version"`
	Started     time.Time `json:"started"`
	Seconds     float64   `json:"seconds"` // from Started to the end of the last run
	Interrupted bool      `json:"interrupted,omitempty"`
	Commit      string    `json:"commit,omitempty"`  // of the working tree; "" if it had changes, or git does not know it
	Changes     *Changes  `json:"changes,omitempty"` // since a previous report; nil if it was not compared with one
	Kernels     []Kernel  `json:"kernels"`           // by architecture, then by Order, then by name
	Packages    []string  `json:"packages"`          // import paths, sorted
	Runs        []Run     `json:"runs"`              // by kernel, then by package
	// Coverage is that of the modules under test, in all runs; nil if it was not measured.
	Coverage *coverage.Profile `json:"coverage,omitempty"`
}

// Kernel is a column of the matrix.
type Kernel struct {
	Name    string `json:"name"`
	Order   int    `json:"order"`             // its place among all known kernels
	Release string `json:"release,omitempty"` // from uname -r; "" if no run started it
	Version string `json:"version,omitempty"` // of its package
	Arch    string `json:"arch,omitempty"`    // as GOARCH; "" if no run started it
}

// Run is one package's test binary on one kernel.
type Run struct {
	Kernel    string    `json:"kernel"`
	Package   string    `json:"package"`
	State     State     `json:"state"`
	Status    int       `json:"status"`            // the test binary's exit status; -1 if it has none
	Allowed   string    `json:"allowed,omitempty"` // why it may fail; "" if it passed or must not
	Kind      string    `json:"kind,omitempty"`    // the failure kind; "" if it passed
	Stage     string    `json:"stage,omitempty"`   // the step in which it failed
	Title     string    `json:"title,omitempty"`   // what went wrong, in one line
	Advice    string    `json:"advice,omitempty"`  // what to do next
	Raw       string    `json:"raw,omitempty"`     // a compiler's messages, a fault report, or the console
	Accel     string    `json:"accel,omitempty"`   // kvm or tcg
	Started   time.Time `json:"started"`
	Seconds   float64   `json:"seconds"`
	Steps     []Step    `json:"steps"`
	Phases    []Phase   `json:"phases,omitempty"`
	Tests     []Test    `json:"tests"`              // in the order in which they started
	Unlisted  int       `json:"unlisted,omitempty"` // how many more tests there were
	Output    string    `json:"output,omitempty"`
	KernelLog string    `json:"kernel_log,omitempty"`
}

// Step is a part of every run, from its kernel to the checks after the tests.
type Step struct {
	Name    string  `json:"name"` // one of StepNames
	State   State   `json:"state"`
	Seconds float64 `json:"seconds"`
}

// Phase is a measured part of a run, in seconds since the run's start.
type Phase = verdict.Phase

// Test is a test, a subtest, an example or a fuzz target.
type Test struct {
	Name    string  `json:"name"`
	State   State   `json:"state"`
	Seconds float64 `json:"seconds"`
	Output  string  `json:"output,omitempty"`
}

// Cell names a run of the matrix.
type Cell struct{ Kernel, Package string }

// Sort sorts kernels, packages and runs into the order that Report documents.
func (r *Report) Sort() {
	arch := archs(r.Kernels)
	slices.SortStableFunc(r.Kernels, func(a, b Kernel) int {
		return cmp.Or(cmp.Compare(arch(a), arch(b)), cmp.Compare(a.Order, b.Order), cmp.Compare(a.Name, b.Name))
	})
	slices.Sort(r.Packages)
	place := map[string]int{}
	for i, k := range r.Kernels {
		place[k.Name] = i
	}
	slices.SortStableFunc(r.Runs, func(a, b Run) int {
		return cmp.Or(cmp.Compare(place[a.Kernel], place[b.Kernel]), cmp.Compare(a.Package, b.Package))
	})
}

// archs returns a function that returns a kernel's architecture. If no run has started the
// kernel, that is the one in its name, or else the one of a kernel whose name has none:
// the host's. It is "" if that is not known either.
func archs(kernels []Kernel) func(Kernel) string {
	named := func(k Kernel) string { _, arch, _ := strings.Cut(k.Name, "@"); return arch }
	host := ""
	for _, k := range kernels {
		if named(k) == "" && !strings.Contains(k.Name, "/") {
			host = cmp.Or(host, k.Arch)
		}
	}
	return func(k Kernel) string { return cmp.Or(k.Arch, named(k), host) }
}

// Missing returns the cells of kernels × packages that have no run.
func (r *Report) Missing() []Cell {
	var missing []Cell
	for _, k := range r.Kernels {
		for _, p := range r.Packages {
			if r.Run(k.Name, p) == nil {
				missing = append(missing, Cell{k.Name, p})
			}
		}
	}
	return missing
}

// Run returns a package's run on a kernel, or nil if there was none.
func (r *Report) Run(kernel, pkg string) *Run {
	for i := range r.Runs {
		if r.Runs[i].Kernel == kernel && r.Runs[i].Package == pkg {
			return &r.Runs[i]
		}
	}
	return nil
}

// Read reads a report.json. It is an error if its version is not Version.
func Read(path string) (*Report, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read report: %w", err)
	}
	var r Report
	if err := json.Unmarshal(b, &r); err != nil {
		return nil, fmt.Errorf("read report %s: %w", path, err)
	}
	if r.Version != Version {
		return nil, fmt.Errorf("read report %s: its version is %d; this kmodtest reads version %d", path, r.Version, Version)
	}
	return r.Cleaned(), nil
}

// Names of the files that Write writes.
const (
	JSONFile     = "report.json"
	JUnitFile    = "junit.xml"
	MarkdownFile = "report.md"
	HTMLFile     = "report.html"
)

// Write writes the report in all forms to a directory. If there is no such
// directory, it makes one that git ignores.
func (r *Report) Write(dir string) error {
	if err := MakeDir(dir); err != nil {
		return fmt.Errorf("write reports: %w", err)
	}
	var errs []error
	forms := map[string]func() ([]byte, error){
		JSONFile: r.json, JUnitFile: r.JUnit, MarkdownFile: r.Markdown, HTMLFile: r.HTML,
	}
	if r.Coverage != nil {
		forms[coverage.LCOVName] = func() ([]byte, error) { return lcov(r) }
		forms[coverage.CoberturaName] = func() ([]byte, error) { return cobertura(r) }
	}
	for name, render := range forms {
		content, err := render()
		if err == nil {
			err = replaceFile(filepath.Join(dir, name), content)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("write %s: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

func (r *Report) json() ([]byte, error) {
	b, err := json.MarshalIndent(r.Cleaned(), "", "\t")
	return append(b, '\n'), err
}

// MakeDir makes a directory that git ignores, unless it exists.
func MakeDir(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, ".gitignore"), []byte("*\n"), 0o644)
}

// replaceFile writes a file completely or not at all.
func replaceFile(path string, content []byte) error {
	tmp := path + ".tmp"
	defer os.Remove(tmp)
	if err := os.WriteFile(tmp, content, 0o644); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}
