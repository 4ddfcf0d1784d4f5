package coverage

import (
	"bufio"
	"encoding/xml"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"
)

// WriteLCOV writes the profile as a tracefile of lcov(1): see geninfo(1).
func (p *Profile) WriteLCOV(w io.Writer) error {
	out := bufio.NewWriter(w)
	for i := range p.Files {
		f := &p.Files[i]
		fmt.Fprintf(out, "TN:\nSF:%s\n", oneLine(f.Name))
		for _, l := range f.Lines {
			for block, fork := range l.Forks {
				for branch, n := range fork {
					taken := strconv.FormatUint(n, 10)
					if l.Count == 0 {
						taken = "-"
					}
					fmt.Fprintf(out, "BRDA:%d,%d,%d,%s\n", l.Number, block, branch, taken)
				}
			}
		}
		s := f.Summary()
		fmt.Fprintf(out, "BRF:%d\nBRH:%d\n", s.Branches, s.BranchesReached)
		for _, l := range f.Lines {
			fmt.Fprintf(out, "DA:%d,%d\n", l.Number, l.Count)
		}
		fmt.Fprintf(out, "LF:%d\nLH:%d\nend_of_record\n", s.Lines, s.LinesReached)
	}
	return out.Flush()
}

func oneLine(name string) string { return strings.NewReplacer("\n", " ", "\r", " ").Replace(name) }

// The elements of Cobertura's format, version 4: coverage-04.dtd.
type (
	coberturaReport struct {
		XMLName         xml.Name           `xml:"coverage"`
		LineRate        string             `xml:"line-rate,attr"`
		BranchRate      string             `xml:"branch-rate,attr"`
		LinesCovered    int                `xml:"lines-covered,attr"`
		LinesValid      int                `xml:"lines-valid,attr"`
		BranchesCovered int                `xml:"branches-covered,attr"`
		BranchesValid   int                `xml:"branches-valid,attr"`
		Complexity      string             `xml:"complexity,attr"`
		Version         string             `xml:"version,attr"`
		Timestamp       int64              `xml:"timestamp,attr"`
		Sources         []string           `xml:"sources>source"`
		Packages        []coberturaPackage `xml:"packages>package"`
	}
	coberturaPackage struct {
		Name       string           `xml:"name,attr"`
		LineRate   string           `xml:"line-rate,attr"`
		BranchRate string           `xml:"branch-rate,attr"`
		Complexity string           `xml:"complexity,attr"`
		Classes    []coberturaClass `xml:"classes>class"`
	}
	coberturaClass struct {
		Name       string          `xml:"name,attr"`
		Filename   string          `xml:"filename,attr"`
		LineRate   string          `xml:"line-rate,attr"`
		BranchRate string          `xml:"branch-rate,attr"`
		Complexity string          `xml:"complexity,attr"`
		Methods    struct{}        `xml:"methods"`
		Lines      []coberturaLine `xml:"lines>line"`
	}
	coberturaLine struct {
		Number   int    `xml:"number,attr"`
		Hits     uint64 `xml:"hits,attr"`
		Branch   bool   `xml:"branch,attr"`
		Coverage string `xml:"condition-coverage,attr,omitempty"`
	}
)

// WriteCobertura writes the profile in Cobertura's XML format. Names of files are
// relative to root, unless they are outside of it. time is in seconds since 1970.
func (p *Profile) WriteCobertura(w io.Writer, root string, time int64) error {
	s := p.Summary()
	r := coberturaReport{
		LineRate: rate(s.LinesReached, s.Lines), BranchRate: rate(s.BranchesReached, s.Branches),
		LinesCovered: s.LinesReached, LinesValid: s.Lines, BranchesCovered: s.BranchesReached, BranchesValid: s.Branches,
		Complexity: "0", Version: "kmodtest", Timestamp: time, Sources: []string{root},
	}
	for i := range p.Files {
		f := &p.Files[i]
		name := Relative(root, f.Name)
		dir := filepath.Dir(name)
		if n := len(r.Packages); n == 0 || r.Packages[n-1].Name != dir {
			r.Packages = append(r.Packages, coberturaPackage{Name: dir, Complexity: "0"})
		}
		pkg := &r.Packages[len(r.Packages)-1]
		pkg.Classes = append(pkg.Classes, f.cobertura(name))
	}
	for i := range r.Packages {
		pkg, sum := &r.Packages[i], Summary{}
		for k := range p.Files {
			if filepath.Dir(Relative(root, p.Files[k].Name)) == pkg.Name {
				sum = sum.plus(p.Files[k].Summary())
			}
		}
		pkg.LineRate, pkg.BranchRate = rate(sum.LinesReached, sum.Lines), rate(sum.BranchesReached, sum.Branches)
	}
	if _, err := io.WriteString(w, xml.Header+`<!DOCTYPE coverage SYSTEM "http://cobertura.sourceforge.net/xml/coverage-04.dtd">`+"\n"); err != nil {
		return err
	}
	out := xml.NewEncoder(w)
	out.Indent("", " ")
	if err := out.Encode(r); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func (f *File) cobertura(name string) coberturaClass {
	s := f.Summary()
	class := coberturaClass{
		Name: filepath.Base(name), Filename: name, Complexity: "0",
		LineRate: rate(s.LinesReached, s.Lines), BranchRate: rate(s.BranchesReached, s.Branches),
	}
	for _, l := range f.Lines {
		line := coberturaLine{Number: l.Number, Hits: l.Count}
		if taken, all := l.Branches(); all > 0 {
			line.Branch, line.Coverage = true, fmt.Sprintf("%d%% (%d/%d)", 100*taken/all, taken, all)
		}
		class.Lines = append(class.Lines, line)
	}
	return class
}

func rate(reached, all int) string {
	return strconv.FormatFloat(percent(reached, all)/100, 'f', 3, 64)
}

// Relative returns the path of a file relative to a directory, or the path as it is if
// it is outside.
func Relative(root, path string) string {
	if rel, err := filepath.Rel(root, path); err == nil && filepath.IsLocal(rel) {
		return rel
	}
	return path
}
