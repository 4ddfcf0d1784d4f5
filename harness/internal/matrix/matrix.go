// Package matrix runs the tests of packages on many kernels, as many at once as
// the machine bears, and tells a viewer and a report what becomes of them.
package matrix

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/kmodtest/kmodtest/harness/internal/report"
)

// Options says what to run. Kernels and Packages are needed.
type Options struct {
	Kernels  []report.Kernel // name and order
	Packages []string        // patterns, as of go list; from the working directory
	Args     []string        // further arguments for the test binaries
	Shard    Shard           // which part of the runs; its zero value is all of them
	Machines int             // how many machines run at once; 0 asks the machine
	Viewer   Viewer          // what is told while it goes on
}

// Run runs the matrix, goes on after failures, and returns the report of what
// there is, which is never nil. The error tells why there is not more: packages
// that are not there, or the end of ctx. Then all that it had started has ended.
func Run(ctx context.Context, opt Options) (*report.Report, error) {
	rep := &report.Report{Version: report.Version, Started: time.Now().UTC(), Kernels: opt.Kernels, Packages: []string{}, Runs: []report.Run{}}
	dir, err := os.MkdirTemp("", "kmodtest-matrix-")
	if err != nil {
		return rep, fmt.Errorf("make a directory for test binaries: %w", err)
	}
	defer os.RemoveAll(dir)
	found, err := findPackages(ctx, opt.Packages)
	if err != nil {
		return rep, err
	}
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
	tool, err := newConverter(ctx)
	if err != nil {
		return rep, err
	}
	w := &work{options: opt, dir: dir, converter: tool, report: rep}
	w.all(ctx, with)
	rep.Seconds = time.Since(rep.Started).Seconds()
	rep.Sort()
	rep.Interrupted = ctx.Err() != nil
	return rep, context.Cause(ctx)
}

// work is a matrix that is being run.
type work struct {
	options   Options
	dir       string // for test binaries, and what they write
	converter converter

	mu     sync.Mutex
	report *report.Report
}

// all compiles the packages one after the other, and runs each on all kernels
// from then on.
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
		err := pkg.compile(ctx, binary)
		planned := 0
		if err == nil {
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

// plan lists the runs of this shard, by package and kernel.
func (w *work) plan(packages []goPackage) []*Job {
	var plan []*Job
	n := 0
	for _, kernel := range w.options.Kernels {
		for _, pkg := range packages {
			if w.options.Shard.has(n) {
				plan = append(plan, &Job{Kernel: kernel.Name, Package: pkg.path, order: kernel.Order, dir: pkg.dir})
			}
			n++
		}
	}
	return plan
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

// one does a job and puts its run into the report. None begins after the end of
// ctx; one that had begun is in the report as far as it came.
func (w *work) one(ctx context.Context, job *Job) {
	if ctx.Err() != nil {
		return
	}
	w.options.Viewer.Started(job)
	run, verdict := job.do(ctx, w)
	w.mu.Lock()
	w.report.AddKernel(report.Kernel{Name: job.Kernel, Order: job.order, Release: verdict.Release, Version: verdict.Package})
	w.report.Runs = append(w.report.Runs, run)
	w.mu.Unlock()
	w.options.Viewer.Finished(job, &run)
}
