// Package coverage has the lines and branches of source files, with how often each was
// executed: in which kernels, and by which tests.
package coverage

import (
	"cmp"
	"slices"
	"strings"
)

// Profile has the lines and branches of all files. It is written as JSON.
type Profile struct {
	Kernels []string `json:"kernels"` // their names, in order
	Tests   []string `json:"tests"`   // names of top-level tests, sorted
	Files   []File   `json:"files"`   // sorted by name
	Notes   []string `json:"notes,omitempty"`
}

// File is a source file.
type File struct {
	Name   string `json:"name"`             // path in the user's tree
	Source string `json:"source,omitempty"` // its text, when it was compiled
	Lines  []Line `json:"lines"`            // those with code, in order
}

// Line is a line with code.
type Line struct {
	Number int    `json:"number"`
	Count  uint64 `json:"count"` // how often it was executed
	// Forks are the branches that begin in the line. A line that is compiled in
	// several ways, as for several kernels, has a Fork for each.
	Forks []Fork `json:"forks,omitempty"`
	// Kernels have code for the line, Reached are those of them that executed it, and
	// Tests executed it: indexes of the lists in Profile.
	Kernels []int `json:"kernels,omitempty"`
	Reached []int `json:"reached,omitempty"`
	Tests   []int `json:"tests,omitempty"`
}

// Fork has how often each of the branches in one line was taken.
type Fork []uint64

// Add adds how often the branches of a line were taken, as it is compiled in one place.
func (l *Line) Add(f Fork) {
	if len(f) == 0 {
		return
	}
	for _, own := range l.Forks {
		if len(own) == len(f) {
			for i := range own {
				own[i] += f[i]
			}
			return
		}
	}
	l.Forks = append(l.Forks, slices.Clone(f))
	slices.SortFunc(l.Forks, func(a, b Fork) int { return len(a) - len(b) })
}

// Line returns the line with that number. It adds the line if it is missing.
func (f *File) Line(number int) *Line {
	i, found := slices.BinarySearchFunc(f.Lines, number, func(l Line, n int) int { return cmp.Compare(l.Number, n) })
	if !found {
		f.Lines = slices.Insert(f.Lines, i, Line{Number: number})
	}
	return &f.Lines[i]
}

// File returns the file of that name. It adds the file if it is missing.
func (p *Profile) File(name string) *File {
	i, found := slices.BinarySearchFunc(p.Files, name, func(f File, n string) int { return strings.Compare(f.Name, n) })
	if !found {
		p.Files = slices.Insert(p.Files, i, File{Name: name})
	}
	return &p.Files[i]
}

// Merge returns the profile of several runs. It does not change them. If a file was
// changed between the runs, its lines are those of runs with the last source, and a note
// says so.
func Merge(profiles ...*Profile) *Profile {
	m := &Profile{}
	for _, p := range profiles {
		m.Kernels = appendNew(m.Kernels, p.Kernels)
		m.Tests = appendNew(m.Tests, p.Tests)
		m.Notes = appendNew(m.Notes, p.Notes)
	}
	slices.Sort(m.Tests)
	for _, p := range profiles {
		kernels, tests := places(p.Kernels, m.Kernels), places(p.Tests, m.Tests)
		for _, f := range p.Files {
			into := m.File(f.Name)
			if into.Source != f.Source && into.Lines != nil {
				into.Lines = nil
				m.Notes = appendNew(m.Notes, []string{f.Name + " differs between the runs: its counts are those of the runs with its last text"})
			}
			into.Source = f.Source
			for _, l := range f.Lines {
				to := into.Line(l.Number)
				to.Count += l.Count
				for _, fork := range l.Forks {
					to.Add(fork)
				}
				to.Kernels = addAll(to.Kernels, l.Kernels, kernels)
				to.Reached = addAll(to.Reached, l.Reached, kernels)
				to.Tests = addAll(to.Tests, l.Tests, tests)
			}
		}
	}
	return m
}

func appendNew(list, more []string) []string {
	for _, s := range more {
		if !slices.Contains(list, s) {
			list = append(list, s)
		}
	}
	return list
}

// places returns, for each index of a list, the index of the same string in another.
func places(list, in []string) []int {
	at := map[string]int{}
	for i, s := range in {
		at[s] = i
	}
	out := make([]int, len(list))
	for i, s := range list {
		out[i] = at[s]
	}
	return out
}

// addAll adds indexes to a sorted list, after mapping them.
func addAll(list, more, mapped []int) []int {
	for _, i := range more {
		if i >= 0 && i < len(mapped) {
			list = append(list, mapped[i])
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}
