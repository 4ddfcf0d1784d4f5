package report

import (
	"bytes"
	"cmp"
	"os"
	"slices"
	"strings"

	"github.com/kmodtest/kmodtest/harness/internal/coverage"
)

// mostLines is how many lines of a file a report has.
const mostLines = 1_000_000

// MergeCoverage returns the coverage of several runs, with kernels in the order of a list.
// Without profiles it returns nil.
func MergeCoverage(kernels []Kernel, profiles []*coverage.Profile) *coverage.Profile {
	if len(profiles) == 0 {
		return nil
	}
	place := func(name string) int {
		i := slices.IndexFunc(kernels, func(k Kernel) bool { return k.Name == name })
		return cmp.Or(i+1, len(kernels)+1)
	}
	order := func(a, b string) int { return cmp.Or(place(a)-place(b), strings.Compare(a, b)) }
	names := &coverage.Profile{} // the first, so that its order counts
	for _, p := range profiles {
		names.Kernels = append(names.Kernels, p.Kernels...)
	}
	slices.SortFunc(names.Kernels, order)
	sorted := slices.SortedStableFunc(slices.Values(profiles), func(a, b *coverage.Profile) int {
		return slices.CompareFunc(a.Kernels, b.Kernels, order)
	})
	return coverage.Merge(append([]*coverage.Profile{names}, sorted...)...)
}

// cleanCoverage returns a copy of a profile whose names and texts are cleaned.
func cleanCoverage(p *coverage.Profile) *coverage.Profile {
	if p == nil {
		return nil
	}
	c := *p
	c.Kernels, c.Tests = cleanNames(p.Kernels), cleanNames(p.Tests)
	c.Notes = cleanNames(p.Notes)
	c.Files = slices.Clone(p.Files)
	for i := range c.Files {
		f := &c.Files[i]
		f.Name, f.Source = cleanLine(f.Name, placeLimit), cleanText(f.Source)
		f.Lines = slices.DeleteFunc(slices.Clone(f.Lines), func(l coverage.Line) bool { return l.Number < 1 || l.Number > mostLines })
	}
	return &c
}

func cleanNames(names []string) []string {
	var clean []string
	for _, name := range names {
		clean = append(clean, CleanName(name))
	}
	return clean
}

func lcov(r *Report) ([]byte, error) {
	var b bytes.Buffer
	err := r.Cleaned().Coverage.WriteLCOV(&b)
	return b.Bytes(), err
}

func cobertura(r *Report) ([]byte, error) {
	dir, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = r.Cleaned().Coverage.WriteCobertura(&b, dir, r.Started.Unix())
	return b.Bytes(), err
}

// commonDir returns the directory that all files of a profile are in, with a slash at
// its end, or "".
func commonDir(p *coverage.Profile) string {
	if len(p.Files) == 0 {
		return ""
	}
	dir := p.Files[0].Name
	for _, f := range p.Files {
		for !strings.HasPrefix(f.Name, dir) || !strings.HasSuffix(dir, "/") {
			if dir = dir[:strings.LastIndexByte(strings.TrimSuffix(dir, "/"), '/')+1]; dir == "" {
				return ""
			}
		}
	}
	return dir
}
