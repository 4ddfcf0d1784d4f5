package report

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/kmodtest/kmodtest/harness/internal/coverage"
)

// Merge joins the reports of parts of one matrix, in any order, to the report of
// the whole matrix. It is an error if two of them have different runs of the same
// package on the same kernel.
func Merge(parts ...*Report) (*Report, error) {
	if len(parts) == 0 {
		return nil, fmt.Errorf("merge reports: no reports given")
	}
	whole := &Report{Version: Version, Kernels: []Kernel{}, Packages: []string{}, Runs: []Run{}}
	var profiles []*coverage.Profile
	for i, part := range parts {
		if i == 0 {
			whole.Commit = part.Commit
		} else if part.Commit != whole.Commit {
			whole.Commit = ""
		}
		joinTime(whole, part)
		whole.Interrupted = whole.Interrupted || part.Interrupted
		part = part.Cleaned()
		if part.Coverage != nil {
			profiles = append(profiles, part.Coverage)
		}
		for _, kernel := range part.Kernels {
			whole.AddKernel(kernel)
		}
		for _, pkg := range part.Packages {
			if !slices.Contains(whole.Packages, pkg) {
				whole.Packages = append(whole.Packages, pkg)
			}
		}
		for _, run := range part.Runs {
			if err := joinRun(whole, run); err != nil {
				return nil, err
			}
		}
	}
	whole.Sort()
	if len(profiles) > 0 {
		whole.Coverage = coverage.Merge(profiles...)
	}
	return whole, nil
}

// AddKernel adds a kernel. If the report has a kernel of that name, AddKernel
// fills in the fields that are empty there.
func (r *Report) AddKernel(kernel Kernel) {
	kernel.Release, kernel.Version = CleanLine(kernel.Release), CleanLine(kernel.Version)
	i := slices.IndexFunc(r.Kernels, func(k Kernel) bool { return k.Name == kernel.Name })
	if i < 0 {
		r.Kernels = append(r.Kernels, kernel)
		return
	}
	known := &r.Kernels[i]
	known.Order = min(known.Order, kernel.Order)
	known.Release = cmp.Or(known.Release, kernel.Release)
	known.Version = cmp.Or(known.Version, kernel.Version)
}

// joinRun adds a run to the whole, unless the whole has it already.
func joinRun(whole *Report, run Run) error {
	known := whole.Run(run.Kernel, run.Package)
	if known == nil {
		whole.Runs = append(whole.Runs, run)
		return nil
	}
	if !reflect.DeepEqual(*known, run) {
		return fmt.Errorf("merge reports: there are two runs of %s on kernel %s, from %s and from %s; leave one report out",
			run.Package, run.Kernel, known.Started.Format(time.RFC3339), run.Started.Format(time.RFC3339))
	}
	return nil
}

// joinTime extends the time of the whole so that it includes that of the part.
func joinTime(whole, part *Report) {
	if whole.Started.IsZero() {
		whole.Started, whole.Seconds = part.Started, part.Seconds
		return
	}
	start := whole.Started
	if part.Started.Before(start) {
		start = part.Started
	}
	whole.Seconds = max(whole.Started.Sub(start).Seconds()+whole.Seconds, part.Started.Sub(start).Seconds()+part.Seconds)
	whole.Started = start
}
