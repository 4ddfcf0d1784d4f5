package report

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"time"
)

// Merge joins the reports of parts of one matrix, in any order, to the report of
// the whole matrix. It is an error if two of them have different runs of the same
// package on the same kernel.
func Merge(parts ...*Report) (*Report, error) {
	if len(parts) == 0 {
		return nil, fmt.Errorf("merge reports: no reports given")
	}
	whole := &Report{Version: Version, Kernels: []Kernel{}, Packages: []string{}, Runs: []Run{}}
	for _, part := range parts {
		whole.addTime(part)
		whole.Interrupted = whole.Interrupted || part.Interrupted
		part = part.cleaned()
		for _, kernel := range part.Kernels {
			whole.AddKernel(kernel)
		}
		for _, pkg := range part.Packages {
			if !slices.Contains(whole.Packages, pkg) {
				whole.Packages = append(whole.Packages, pkg)
			}
		}
		for _, run := range part.Runs {
			if err := whole.addRun(run); err != nil {
				return nil, err
			}
		}
	}
	whole.Sort()
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

func (r *Report) addRun(run Run) error {
	known := r.Run(run.Kernel, run.Package)
	if known == nil {
		r.Runs = append(r.Runs, run)
		return nil
	}
	if !reflect.DeepEqual(*known, run) {
		return fmt.Errorf("merge reports: there are two runs of %s on kernel %s, from %s and from %s; leave one report out",
			run.Package, run.Kernel, known.Started.Format(time.RFC3339), run.Started.Format(time.RFC3339))
	}
	return nil
}

// addTime extends the time of the report to the beginning of the first part and
// the end of the last.
func (r *Report) addTime(part *Report) {
	if r.Started.IsZero() {
		r.Started, r.Seconds = part.Started, part.Seconds
		return
	}
	start := r.Started
	if part.Started.Before(start) {
		start = part.Started
	}
	r.Seconds = max(r.Started.Sub(start).Seconds()+r.Seconds, part.Started.Sub(start).Seconds()+part.Seconds)
	r.Started = start
}
