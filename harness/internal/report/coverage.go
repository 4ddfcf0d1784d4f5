package report

import (
	"bytes"
	"os"
	"slices"
	"strings"

	"github.com/kmodtest/kmodtest/harness/internal/coverage"
)

// mostLines is how many lines of a file a report has.
const mostLines = 1_000_000

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
