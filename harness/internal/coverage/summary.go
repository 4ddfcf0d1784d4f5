package coverage

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
)

// Summary has the numbers of a profile, or of a file.
type Summary struct {
	Lines, LinesReached       int
	Branches, BranchesReached int
}

// Summary returns the numbers of all files.
func (p *Profile) Summary() Summary {
	var s Summary
	for i := range p.Files {
		s = s.plus(p.Files[i].Summary())
	}
	return s
}

func (s Summary) plus(t Summary) Summary {
	return Summary{s.Lines + t.Lines, s.LinesReached + t.LinesReached, s.Branches + t.Branches, s.BranchesReached + t.BranchesReached}
}

// Summary returns the numbers of the file.
func (f *File) Summary() Summary {
	s := Summary{Lines: len(f.Lines)}
	for _, l := range f.Lines {
		if l.Count > 0 {
			s.LinesReached++
		}
		taken, all := l.Branches()
		s.Branches, s.BranchesReached = s.Branches+all, s.BranchesReached+taken
	}
	return s
}

// Branches returns how many of the line's branches were taken, and how many it has.
func (l *Line) Branches() (taken, all int) {
	for _, f := range l.Forks {
		all += len(f)
		for _, n := range f {
			if n > 0 {
				taken++
			}
		}
	}
	return taken, all
}

// percent returns a share in percent, rounded down: 100 only if all is reached.
func percent(reached, all int) float64 {
	if all == 0 {
		return 100
	}
	return float64(reached*1000/all) / 10
}

// LinePercent returns the share of lines that were reached, in percent, rounded down to
// a tenth.
func (s Summary) LinePercent() float64 { return percent(s.LinesReached, s.Lines) }

// BranchPercent is like LinePercent, for branches.
func (s Summary) BranchPercent() float64 { return percent(s.BranchesReached, s.Branches) }

// maxPlaces is how many places Text lists.
const maxPlaces = 10

// Text returns one line: shares, and lines and branches that were not reached.
func (p *Profile) Text() string {
	s := p.Summary()
	text := fmt.Sprintf("%s %% of %d lines, %s %% of %d branches",
		decimal(s.LinePercent()), s.Lines, decimal(s.BranchPercent()), s.Branches)
	missed := p.Missed()
	if len(missed) == 0 {
		return text
	}
	text += fmt.Sprintf(", not reached: %s", strings.Join(missed[:min(maxPlaces, len(missed))], ", "))
	if more := len(missed) - maxPlaces; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

func decimal(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// Missed returns the places that were not reached: FILE:LINE for a line, and
// "FILE:LINE (1 of 2 branches)" for a line of which some branches were not taken.
func (p *Profile) Missed() []string {
	var list []string
	for _, f := range p.Files {
		for _, l := range f.Lines {
			place := fmt.Sprintf("%s:%d", filepath.Base(f.Name), l.Number)
			taken, all := l.Branches()
			switch {
			case l.Count == 0:
				list = append(list, place)
			case taken < all:
				list = append(list, fmt.Sprintf("%s (%d of %d branches)", place, all-taken, all))
			}
		}
	}
	return list
}

// Least is the least coverage that does not fail, in percent. Its zero value never fails.
type Least struct{ Lines, Branches float64 }

// ParseLeast reads "LINES" or "LINES,BRANCHES", in percent; "" is the zero value.
func ParseLeast(text string) (Least, error) {
	var l Least
	if text == "" {
		return l, nil
	}
	lines, branches, both := strings.Cut(text, ",")
	var err error
	if l.Lines, err = parsePercent(lines); err == nil && both {
		l.Branches, err = parsePercent(branches)
	}
	if err != nil {
		return Least{}, fmt.Errorf("the least coverage is %q; it may be a percentage of lines, and after a comma one of branches: 100,95", text)
	}
	return l, nil
}

func parsePercent(text string) (float64, error) {
	f, err := strconv.ParseFloat(text, 64)
	if err == nil && !(f >= 0 && f <= 100) {
		err = strconv.ErrRange
	}
	return f, err
}

// Check returns what is below the least coverage, in a sentence without a period, or "".
func (l Least) Check(s Summary) string {
	var parts []string
	add := func(what string, got, want float64) {
		if got < want {
			parts = append(parts, fmt.Sprintf("%s %% of the %s were executed, at least %s %% must be", decimal(got), what, decimal(want)))
		}
	}
	add("lines", s.LinePercent(), l.Lines)
	add("branches", s.BranchPercent(), l.Branches)
	return strings.Join(parts, "; ")
}

// NamesOf returns the strings at these indexes of a list. Those that are not in it are
// left out.
func NamesOf(list []string, at []int) []string {
	var names []string
	for _, i := range at {
		if i >= 0 && i < len(list) {
			names = append(names, list[i])
		}
	}
	return names
}
