package modcov

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/kmodtest/kmodtest/harness/internal/coverage"
	"github.com/kmodtest/kmodtest/harness/internal/kbuild"
	"github.com/kmodtest/kmodtest/harness/internal/request"
	"github.com/kmodtest/kmodtest/harness/internal/verdict"
)

// Measurement measures the coverage of the modules of one run.
type Measurement struct {
	run      request.Request
	dir      string // for the results
	least    coverage.Least
	counters *Counters // nil before Begin
}

// Variables has the values of environment variables, which override the configuration.
type Variables struct {
	Dir   string // KMODTEST_COVERAGE: a directory
	Least string // KMODTEST_COVERAGE_MIN: the least coverage
}

// New returns the measurement of a run, or nil if its coverage is not measured.
func New(run request.Request, env Variables) (*Measurement, error) {
	c := run.Config.Coverage
	m := &Measurement{run: run, dir: cmp.Or(env.Dir, c.Dir), least: coverage.Least{Lines: c.Lines, Branches: c.Branches}}
	if m.dir == "" {
		return nil, nil
	}
	if !filepath.IsAbs(m.dir) {
		m.dir = filepath.Join(run.Cwd, m.dir)
	}
	if env.Least != "" {
		var err error
		if m.least, err = coverage.ParseLeast(env.Least); err != nil {
			return nil, fmt.Errorf("KMODTEST_COVERAGE_MIN: %w", err)
		}
	}
	return m, nil
}

// Covers reports whether the coverage of modules from a directory is measured. If some
// modules are below the directory of the test package and others are not, those below are
// part of the tests.
func (m *Measurement) Covers(dir string) bool {
	if !m.isBelow(dir) {
		return true
	}
	for _, other := range m.run.Config.Modules {
		if filepath.Ext(other) != ".ko" && !m.isBelow(other) {
			return false
		}
	}
	return !slices.ContainsFunc(m.run.Config.Builds, func(b request.Build) bool { return !m.isBelow(b.Root) })
}

func (m *Measurement) isBelow(dir string) bool {
	return strings.HasPrefix(dir, strings.TrimSuffix(m.run.Dir, "/")+"/")
}

// Begin finds the counters of the modules that were built, and removes earlier results.
func (m *Measurement) Begin(built []*kbuild.Result) error {
	var modules []*Module
	for _, result := range built {
		if result.Notes == nil {
			continue
		}
		for _, b := range result.Modules {
			counted, err := ReadModule(b.Name, b.Debug, *result.Notes)
			if err != nil {
				return err
			}
			if counted != nil {
				modules = append(modules, counted)
			}
		}
	}
	if len(modules) == 0 {
		return errors.New("coverage cannot be measured: no module under test is built from sources")
	}
	m.counters = NewCounters(modules)
	return coverage.Remove(m.dir)
}

// Add adds what a machine that has ended has counted; nothing without memory. Several
// goroutines may call it at the same time.
func (m *Measurement) Add(memory io.ReaderAt, size int64, offset func(address uint64) int64) error {
	if m == nil || memory == nil {
		return nil
	}
	if err := m.counters.Add(Memory{memory, size, offset}); err != nil {
		return verdict.Failf(verdict.GuestDown, err, "read the coverage of a machine")
	}
	return nil
}

// End writes the results and says them in a line, unless no machine has come up. It
// returns an error if the coverage is below the least.
func (m *Measurement) End(ctx context.Context, kernel string, say func(format string, args ...any)) error {
	if m == nil || m.counters == nil || m.counters.Machines() == 0 || isDone(ctx) {
		return nil
	}
	p, err := m.write(ctx, kernel)
	if err != nil {
		return verdict.Failf(verdict.HostBroke, err, "write the coverage of the modules")
	}
	for _, note := range p.Notes {
		say("coverage: %s", note)
	}
	say("coverage: %s", p.Text())
	if below := m.least.Check(p.Summary()); below != "" {
		return verdict.Failf(verdict.TestFailed, nil, "the coverage is too low: %s", below).
			Advise("the lines and branches are in " + m.dir)
	}
	return nil
}

func (m *Measurement) write(ctx context.Context, kernel string) (*coverage.Profile, error) {
	scratch, err := os.MkdirTemp("", "kmodtest-coverage-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(scratch)
	p, err := m.counters.Profile(ctx, kernel, scratch)
	if err != nil {
		return nil, err
	}
	return p, coverage.Write(m.dir, p, m.run.Cwd, time.Now())
}

func isDone(ctx context.Context) bool { return ctx.Err() != nil }
