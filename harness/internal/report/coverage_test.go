package report

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kmodtest/kmodtest/harness/internal/coverage"
)

// covered returns a report of one run with the coverage of two lines.
func covered(kernel string, count uint64, test string) *Report {
	r := &Report{
		Version: Version, Started: time.Unix(0, 0).UTC(), Kernels: []Kernel{{Name: kernel}}, Packages: []string{"example.com/p"},
		Runs: []Run{{Kernel: kernel, Package: "example.com/p", State: Passed}},
	}
	r.Coverage = &coverage.Profile{Kernels: []string{kernel}, Tests: []string{test}, Files: []coverage.File{{
		Name: "/src/mod/main.c", Source: "first\nsecond\n",
		Lines: []coverage.Line{{Number: 1, Count: 1, Kernels: []int{0}, Reached: []int{0}, Tests: []int{0}}, {Number: 2, Count: count, Kernels: []int{0}}},
	}}}
	return r
}

func TestCoverageOfPartsIsMerged(t *testing.T) {
	whole, err := Merge(covered("6.1", 0, "TestA"), covered("5.10", 7, "TestB"))
	if err != nil {
		t.Fatal(err)
	}
	if whole.Coverage == nil || whole.Coverage.Text() != "100 % of 2 lines, 100 % of 0 branches" || len(whole.Coverage.Tests) != 2 {
		t.Errorf("the merged coverage is %+v", whole.Coverage)
	}
	plain := covered("6.1", 0, "TestA")
	plain.Coverage = nil
	if whole, err = Merge(plain); err != nil || whole.Coverage != nil {
		t.Errorf("reports without coverage have %+v, %v", whole.Coverage, err)
	}
}

// Parts in any order give the same, and a report that is given twice, or joined from other
// parts, adds nothing.
func TestMergedCoverageHasEachRunOnce(t *testing.T) {
	one, two := covered("6.1", 2, "TestA"), covered("5.10", 7, "TestB")
	one.Kernels[0].Order = 1
	both, err := Merge(one, two)
	if err != nil {
		t.Fatal(err)
	}
	want := jsonOf(t, both)
	if line := both.Coverage.Files[0].Lines[1]; line.Count != 9 || strings.Join(both.Coverage.Kernels, " ") != "5.10 6.1" {
		t.Errorf("line 2 has the count %d, in kernels %q", line.Count, both.Coverage.Kernels)
	}
	for _, parts := range [][]*Report{{two, one}, {one, two, one}, {one, both}, {one, both, two}, {both}, {both, both}} {
		got, err := Merge(parts...)
		if err != nil {
			t.Fatal(err)
		}
		if jsonOf(t, got) != want {
			t.Errorf("%d parts: got\n%s, want\n%s", len(parts), jsonOf(t, got), want)
		}
	}
	other, err := Merge(one, covered("6.12", 1, "TestA"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = Merge(both, other)
	if conflict := (*ConflictError)(nil); !errors.As(err, &conflict) || conflict.First+conflict.Second != 1 || !strings.Contains(err.Error(), "example.com/p on kernel 6.1") {
		t.Errorf("two reports that have one run in common: %v", err)
	}
}

func TestCoverageIsInAllForms(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out")
	r := covered("6.1", 0, "Test\x1b[31m</script><script>alert(1)</script>")
	r.Coverage.Files[0].Source = "</script><script>alert(2)</script>\x00\nsecond\n"
	r.Coverage.Files[0].Lines = append(r.Coverage.Files[0].Lines, coverage.Line{Number: 1 << 40})
	if err := r.Write(dir); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		MarkdownFile:           "Coverage of the modules: 50 % of 2 lines, 100 % of 0 branches, not reached: main.c:2\n",
		coverage.LCOVName:      "SF:/src/mod/main.c\nBRF:0\nBRH:0\nDA:1,1\nDA:2,0\n",
		coverage.CoberturaName: `line-rate="0.500"`,
		HTMLFile:               `<span class="where">main.c</span> <span class="missed">1 of 2 lines</span>`,
		JSONFile:               `"coverage": {`,
	} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), want) {
			t.Errorf("%s does not have %q:\n%.3000s", name, want, text)
		}
		if bytes.ContainsAny(text, "\x1b\x00") || strings.Contains(string(text), "<script>alert") {
			t.Errorf("%s has control characters or markup of a guest", name)
		}
	}
}
