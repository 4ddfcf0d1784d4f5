package report

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/kmodtest/kmodtest/harness/internal/coverage"
)

// ConflictError is the error of two reports that cannot be joined. Its text does not name
// them.
type ConflictError struct {
	First, Second int // indexes of the reports
	Reason        string
}

func (e *ConflictError) Error() string { return "merge reports: " + e.Reason }

// Merge joins the reports of parts of one matrix, in any order, to the report of the whole
// matrix. It is a *ConflictError if two of them have different runs of the same package on
// the same kernel.
func Merge(parts ...*Report) (*Report, error) {
	if len(parts) == 0 {
		return nil, fmt.Errorf("merge reports: no reports given")
	}
	whole := &Report{Version: Version, Commit: parts[0].Commit, Kernels: []Kernel{}, Packages: []string{}, Runs: []Run{}}
	m := merger{whole: whole, from: map[Cell]int{}}
	for _, i := range bySize(parts) {
		if err := m.add(i, parts[i]); err != nil {
			return nil, err
		}
	}
	whole.Sort()
	whole.Coverage = MergeCoverage(whole.Kernels, m.profiles)
	return whole, nil
}

// bySize returns the indexes of reports, those with the most runs first: if a report was
// joined from others that are given as well, it comes before them.
func bySize(parts []*Report) []int {
	var all []int
	for i := range parts {
		all = append(all, i)
	}
	slices.SortStableFunc(all, func(a, b int) int { return len(parts[b].Runs) - len(parts[a].Runs) })
	return all
}

// merger joins reports.
type merger struct {
	whole    *Report
	from     map[Cell]int // the index of the report that each run is from
	profiles []*coverage.Profile
}

// add adds the report with an index.
func (m *merger) add(index int, part *Report) error {
	if part.Commit != m.whole.Commit {
		m.whole.Commit = ""
	}
	joinTime(m.whole, part)
	m.whole.Interrupted = m.whole.Interrupted || part.Interrupted
	part = part.Cleaned()
	for _, kernel := range part.Kernels {
		m.whole.AddKernel(kernel)
	}
	for _, pkg := range part.Packages {
		if !slices.Contains(m.whole.Packages, pkg) {
			m.whole.Packages = append(m.whole.Packages, pkg)
		}
	}
	var known []Cell
	for _, run := range part.Runs {
		cell := Cell{run.Kernel, run.Package}
		first := m.whole.Run(run.Kernel, run.Package)
		if first == nil {
			m.whole.Runs, m.from[cell] = append(m.whole.Runs, run), index
			continue
		}
		if !reflect.DeepEqual(*first, run) {
			return &ConflictError{m.from[cell], index, fmt.Sprintf("there are two runs of %s on kernel %s, from %s and from %s",
				run.Package, run.Kernel, first.Started.Format(time.RFC3339), run.Started.Format(time.RFC3339))}
		}
		known = append(known, cell)
	}
	switch {
	case part.Coverage == nil, len(known) == len(part.Runs): // its counts are there
	case len(known) > 0:
		return &ConflictError{m.from[known[0]], index, fmt.Sprintf("both have the run of %s on kernel %s, and each has others: "+
			"it would be twice in the coverage", known[0].Package, known[0].Kernel)}
	default:
		m.profiles = append(m.profiles, part.Coverage)
	}
	return nil
}

// AddKernel adds a kernel. If the report has a kernel of that name, AddKernel
// fills in the fields that are empty there.
func (r *Report) AddKernel(kernel Kernel) {
	kernel.Release, kernel.Version, kernel.Arch = CleanLine(kernel.Release), CleanLine(kernel.Version), CleanLine(kernel.Arch)
	i := slices.IndexFunc(r.Kernels, func(k Kernel) bool { return k.Name == kernel.Name })
	if i < 0 {
		r.Kernels = append(r.Kernels, kernel)
		return
	}
	known := &r.Kernels[i]
	known.Order = min(known.Order, kernel.Order)
	known.Release = cmp.Or(known.Release, kernel.Release)
	known.Version = cmp.Or(known.Version, kernel.Version)
	known.Arch = cmp.Or(known.Arch, kernel.Arch)
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
