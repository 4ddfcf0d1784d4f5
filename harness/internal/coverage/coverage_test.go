package coverage

import (
	"encoding/xml"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// profile returns the profile of a run on a kernel: line 2 of two has two branches, and
// on another kernel three.
func profile(kernel string, branches ...uint64) *Profile {
	p := &Profile{Kernels: []string{kernel}, Tests: []string{"TestA", "Test" + kernel}}
	f := p.File("/src/m/a.c")
	f.Source = "one\ntwo\n"
	*f.Line(2) = Line{Number: 2, Count: slices.Max(branches), Forks: []Fork{branches}, Kernels: []int{0}, Tests: []int{1}}
	if f.Line(2).Count > 0 {
		f.Line(2).Reached = []int{0}
	}
	*f.Line(1) = Line{Number: 1, Count: 1, Kernels: []int{0}, Reached: []int{0}, Tests: []int{0, 1}}
	return p
}

func TestMergeAddsCountsAndNames(t *testing.T) {
	first, second := profile("6.1", 0, 0), profile("5.10", 3, 0)
	m := Merge(first, second, profile("6.12", 0, 0, 1))
	if got, want := strings.Join(m.Kernels, " "), "6.1 5.10 6.12"; got != want {
		t.Errorf("kernels are %s, want %s", got, want)
	}
	if len(m.Files) != 1 || len(m.Files[0].Lines) != 2 {
		t.Fatalf("merged files are %+v", m.Files)
	}
	one, two := m.Files[0].Lines[0], m.Files[0].Lines[1]
	if one.Count != 3 || two.Count != 4 {
		t.Errorf("the counts are %d and %d, want 3 and 4", one.Count, two.Count)
	}
	if got := NamesOf(m.Kernels, two.Reached); !slices.Equal(got, []string{"5.10", "6.12"}) {
		t.Errorf("line 2 was executed in %q", got)
	}
	if got := NamesOf(m.Tests, one.Tests); !slices.Equal(got, []string{"Test5.10", "Test6.1", "Test6.12", "TestA"}) {
		t.Errorf("tests of line 1 are %q", got)
	}
	// The two ways in which the line is compiled stay apart.
	if taken, all := two.Branches(); taken != 2 || all != 5 {
		t.Errorf("line 2 has %d of %d branches, want 2 of 5: %v", taken, all, two.Forks)
	}
	if !slices.Equal(first.Files[0].Lines[1].Forks[0], Fork{0, 0}) {
		t.Error("Merge has changed the first profile")
	}
}

func TestChangedFileReplacesOld(t *testing.T) {
	changed := profile("6.1", 1, 1)
	changed.Files[0].Source = "other\n"
	m := Merge(profile("5.10", 5, 5), changed)
	if n := m.Files[0].Lines[1].Count; n != 1 || m.Files[0].Source != "other\n" {
		t.Errorf("line 2 has the count %d", n)
	}
	if len(m.Notes) != 1 || !strings.HasPrefix(m.Notes[0], "/src/m/a.c differs between the runs") {
		t.Errorf("the notes are %q", m.Notes)
	}
	if m := Merge(profile("5.10", 5, 5), profile("6.1", 1, 1)); len(m.Notes) > 0 {
		t.Errorf("without a change, the notes are %q", m.Notes)
	}
}

func TestIndexesOutsideOfListsAreDropped(t *testing.T) {
	p := profile("6.1", 1)
	p.Files[0].Lines[0].Tests = []int{-1, 0, 99}
	m := Merge(p)
	if got := m.Files[0].Lines[0].Tests; len(got) != 1 || len(NamesOf(m.Tests, []int{7, -1, got[0]})) != 1 {
		t.Errorf("tests are %v", got)
	}
}

func TestTextNamesWhatIsMissing(t *testing.T) {
	for _, c := range []struct {
		branches []uint64
		want     string
	}{
		{[]uint64{1, 2}, "100 % of 2 lines, 100 % of 2 branches"},
		{[]uint64{1, 0, 1}, "100 % of 2 lines, 66.6 % of 3 branches, not reached: a.c:2 (1 of 3 branches)"},
		{[]uint64{0, 0}, "50 % of 2 lines, 0 % of 2 branches, not reached: a.c:2"},
	} {
		if got := profile("6.1", c.branches...).Text(); got != c.want {
			t.Errorf("branches %v: the text is %q, want %q", c.branches, got, c.want)
		}
	}
	p := &Profile{}
	for n := range 999 {
		p.File("b.c").Line(n + 1).Count = uint64(min(n, 1))
	}
	if got, want := p.Text(), "99.8 % of 999 lines, 100 % of 0 branches, not reached: b.c:1"; got != want {
		t.Errorf("the text is %q, want %q: a share is not rounded up", got, want)
	}
}

func TestLeastCoverage(t *testing.T) {
	s := Summary{Lines: 1000, LinesReached: 999, Branches: 100, BranchesReached: 95}
	for text, want := range map[string]string{
		"":        "",
		"0":       "",
		"99.9":    "",
		"99.9,95": "",
		"100":     "99.9 % of the lines were executed, at least 100 % must be",
		"50,95.5": "95 % of the branches were executed, at least 95.5 % must be",
	} {
		l, err := ParseLeast(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
		}
		if got := l.Check(s); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
	for _, text := range []string{"x", "101", "-1", "NaN", "50,", ",50", "1,2,3"} {
		if l, err := ParseLeast(text); err == nil {
			t.Errorf("%q is accepted as %+v", text, l)
		}
	}
}

func TestFilesForOtherPrograms(t *testing.T) {
	dir := t.TempDir()
	p := profile("6.1", 4, 0)
	p.File("/else/b.c").Line(7)
	if err := Write(filepath.Join(dir, "new"), p, "/src", time.Unix(1000, 0)); err != nil {
		t.Fatal(err)
	}
	read, err := Read(filepath.Join(dir, "new"))
	if err != nil || read.Text() != p.Text() {
		t.Errorf("what was written is read as %+v, %v", read, err)
	}
	if none, err := Read(dir); none != nil || err != nil {
		t.Errorf("a directory without a profile has %+v, %v", none, err)
	}
	var lcov, cobertura strings.Builder
	if err := p.WriteLCOV(&lcov); err != nil {
		t.Fatal(err)
	}
	const want = "TN:\nSF:/else/b.c\nBRF:0\nBRH:0\nDA:7,0\nLF:1\nLH:0\nend_of_record\n" +
		"TN:\nSF:/src/m/a.c\nBRDA:2,0,0,4\nBRDA:2,0,1,0\nBRF:2\nBRH:1\nDA:1,1\nDA:2,4\nLF:2\nLH:2\nend_of_record\n"
	if got := lcov.String(); got != want {
		t.Errorf("the tracefile is\n%s\nwant\n%s", got, want)
	}
	if err := p.WriteCobertura(&cobertura, "/src", 1000); err != nil {
		t.Fatal(err)
	}
	var r coberturaReport
	if err := xml.Unmarshal([]byte(cobertura.String()), &r); err != nil {
		t.Fatalf("%v in\n%s", err, cobertura.String())
	}
	if r.LinesValid != 3 || r.LinesCovered != 2 || r.BranchRate != "0.500" || len(r.Packages) != 2 {
		t.Errorf("the Cobertura report is %+v", r)
	}
	class := r.Packages[1].Classes[0]
	if class.Filename != "m/a.c" || class.Lines[1].Coverage != "50% (1/2)" || class.Lines[1].Hits != 4 {
		t.Errorf("the class of a.c is %+v", class)
	}
}
