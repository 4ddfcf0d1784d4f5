// Package matrix runs the tests of packages on many kernels, several at a time,
// shows the progress on a viewer and returns a report.
package matrix

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/kmodtest/kmodtest/harness/internal/coverage"
	"github.com/kmodtest/kmodtest/harness/internal/guestrun"
	"github.com/kmodtest/kmodtest/harness/internal/report"
)

// Options configures Run. Kernels, Packages and Viewer are required.
type Options struct {
	Kernels  []report.Kernel // name and order
	Dir      string          // directory in which patterns of packages start; "" is the working directory
	Packages []string        // patterns as for go list
	Args     []string        // further arguments for the test binaries
	Exec     []string        // a command that runs a test binary without harness.Main in a guest
	Shard    Shard           // which part of the runs; the zero value is all of them
	Machines int             // how many machines run at once; 0 depends on processors and memory
	Viewer   Viewer          // shows the progress
	Coverage bool            // of the modules under test is measured

	// Choose returns how a package runs on a kernel. Nil runs all packages on all kernels.
	Choose func(kernel, pkg string) Choice
}

// Choice is how a package runs on a kernel. The zero value is that it does.
type Choice struct {
	LeftOut  bool     // it does not run, and has no place in the report
	Excluded string   // why the kernel is not for the package: the run is not applicable
	Args     []string // further arguments for the test binary
}

// Run runs the matrix and returns its report, which is never nil. A run that
// fails does not stop the others. The error is non-nil if the report is
// incomplete: packages cannot be found, or ctx has ended. When Run returns, all
// processes that it has started have ended.
func Run(ctx context.Context, opt Options) (*report.Report, error) {
	rep := &report.Report{Version: report.Version, Started: time.Now().UTC(), Kernels: opt.Kernels, Packages: []string{}, Runs: []report.Run{}}
	dir, err := os.MkdirTemp("", "kmodtest-matrix-")
	if err != nil {
		return rep, fmt.Errorf("make a directory for test binaries: %w", err)
	}
	defer os.RemoveAll(dir)
	found, err := findPackages(ctx, opt.Dir, opt.Packages)
	if err != nil {
		return rep, err
	}
	admit(found, guestrun.HasTable)
	var with []goPackage
	for _, pkg := range found {
		if pkg.leftOut != "" {
			opt.Viewer.LeftOut(pkg.path, pkg.leftOut)
			continue
		}
		with = append(with, pkg)
		rep.Packages = append(rep.Packages, pkg.path)
	}
	if len(with) == 0 {
		return rep, errors.New("none of the packages has tests that run in a machine")
	}
	tool, err := newConverter(ctx, opt.Dir)
	if err != nil {
		return rep, err
	}
	w := &work{options: opt, dir: dir, converter: tool, report: rep}
	w.all(ctx, with)
	rep.Packages = slices.DeleteFunc(rep.Packages, func(pkg string) bool { return !w.chooses(pkg) })
	rep.Seconds = time.Since(rep.Started).Seconds()
	rep.Sort()
	rep.Coverage = report.MergeCoverage(rep.Kernels, w.profiles)
	rep.Interrupted = ctx.Err() != nil
	return rep, context.Cause(ctx)
}

// work is the state of a matrix that is running.
type work struct {
	options   Options
	dir       string // for test binaries and the files that they write
	converter converter

	mu       sync.Mutex
	report   *report.Report
	profiles []*coverage.Profile // of runs that have ended
}

// all compiles the packages one after the other, and runs each on all kernels
// as soon as it is compiled.
func (w *work) all(ctx context.Context, packages []goPackage) {
	slots := make(chan struct{}, w.machines())
	var jobs sync.WaitGroup
	defer jobs.Wait()
	plan := w.plan(packages)
	w.options.Viewer.Plan(plan, cap(slots))
	for i, pkg := range packages {
		mine := ofPackage(plan, pkg.path)
		if len(mine) == 0 {
			continue
		}
		binary := filepath.Join(w.dir, strconv.Itoa(i), filepath.Base(pkg.path)+".test")
		var err error
		planned := 0
		if runsAny(mine) {
			err = pkg.compile(ctx, binary)
		}
		if err == nil && runsAny(mine) && !pkg.foreign { // such a binary would run its tests on this system
			planned = countTests(ctx, binary, pkg.dir, w.options.Args)
		}
		for _, job := range mine {
			job.binary, job.compileError, job.planned = binary, err, planned
			select {
			case slots <- struct{}{}:
			case <-ctx.Done():
				return
			}
			jobs.Go(func() {
				defer func() { <-slots }()
				w.one(ctx, job)
			})
		}
	}
}

// plan returns the jobs of this shard, by kernel and package.
func (w *work) plan(packages []goPackage) []*Job {
	var plan []*Job
	n := 0
	for _, kernel := range w.options.Kernels {
		for _, pkg := range packages {
			choice := w.choose(kernel.Name, pkg.path)
			if choice.LeftOut {
				continue
			}
			if w.options.Shard.has(n) {
				plan = append(plan, &Job{Kernel: kernel.Name, Package: pkg.path, order: kernel.Order, dir: pkg.dir, foreign: pkg.foreign, choice: choice})
			}
			n++
		}
	}
	return plan
}

func (w *work) choose(kernel, pkg string) Choice {
	if w.options.Choose == nil {
		return Choice{}
	}
	return w.options.Choose(kernel, pkg)
}

// chooses reports whether a package is to run on a kernel.
func (w *work) chooses(pkg string) bool {
	return slices.ContainsFunc(w.options.Kernels, func(k report.Kernel) bool { return !w.choose(k.Name, pkg).LeftOut })
}

// runsAny reports whether any of the jobs has to run its tests.
func runsAny(jobs []*Job) bool {
	return slices.ContainsFunc(jobs, func(job *Job) bool { return job.choice.Excluded == "" })
}

func ofPackage(plan []*Job, path string) []*Job {
	var mine []*Job
	for _, job := range plan {
		if job.Package == path {
			mine = append(mine, job)
		}
	}
	return mine
}

// one does a job and adds its run to the report. It does nothing if ctx has
// ended. A job that ctx interrupts is in the report with the results it has.
func (w *work) one(ctx context.Context, job *Job) {
	if ctx.Err() != nil {
		return
	}
	w.options.Viewer.Started(job)
	run, v := job.do(ctx, w)
	w.mu.Lock()
	if job.coverage != nil {
		w.profiles = append(w.profiles, job.coverage)
	}
	w.report.AddKernel(report.Kernel{Name: job.Kernel, Order: job.order, Release: v.Release, Version: v.Package, Arch: v.Arch})
	run = w.report.AddRun(run)
	w.mu.Unlock()
	w.options.Viewer.Finished(job, &run)
}
