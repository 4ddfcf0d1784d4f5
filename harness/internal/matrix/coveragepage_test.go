//go:build machines

package matrix

import (
	"path/filepath"
	"testing"

	"github.com/kmodtest/kmodtest/harness/internal/coverage"
	"github.com/kmodtest/kmodtest/harness/internal/report"
)

// covered returns a report with the coverage of a file of five lines.
func covered(t *testing.T) *report.Report {
	t.Helper()
	rep := moodyReport(t)
	rep.Coverage = &coverage.Profile{
		Kernels: []string{"5.10", "6.1"}, Tests: []string{"TestOne", "TestTwo<b>"},
		Files: []coverage.File{{
			Name: "/src/mood/mood.c", Source: "int mood(int n)\n{\n\tif (n)\n\t\treturn 1;\n\treturn \"<i>\"[0];\n}\n",
			Lines: []coverage.Line{
				{Number: 1, Count: 5, Kernels: []int{0, 1}, Reached: []int{0, 1}, Tests: []int{0, 1}},
				{Number: 3, Count: 5, Forks: []coverage.Fork{{0, 5}}, Kernels: []int{0, 1}, Reached: []int{0, 1}, Tests: []int{0}},
				{Number: 4, Count: 0, Kernels: []int{0, 1}},
				{Number: 5, Count: 5, Kernels: []int{0, 1}, Reached: []int{1}, Tests: []int{1}},
			},
		}},
	}
	return rep
}

func TestCoverageInBrowser(t *testing.T) {
	b := openPage(t, filepath.Join(writeReport(t, covered(t)), report.HTMLFile))
	b.setScreen(1280, 900, "light")
	b.wantIn(".coverage > p:first-of-type", "75 % of 4 lines, 50 % of 2 branches, not reached: mood.c:3 (1 of 2 branches), mood.c:4", "")
	b.wantTexts(".coverage summary", "mood.c 3 of 4 lines 1 of 2 branches")
	b.click(".coverage summary")
	b.wantTexts(".source tr", "1 5 int mood(int n)", "2 {", "3 5 1/2 if (n)", "4 0 return 1;", `5 5 return "<i>"[0];`, "6 }")
	b.wantTexts(".source .unreached .text", "return 1;")
	b.wantTexts(".source .partly .text", "if (n)")
	b.click(".source .partly button")
	b.wantTexts(".by p", "Kernels: 5.10, 6.1", "Branches taken: 0, 5 times", "Tests: TestOne")
	b.click(".source .partly button")
	b.wantTexts(".by p")
	b.click(".source tr:nth-child(5) button")
	b.wantTexts(".by p", "Kernels: 6.1", "Not executed in: 5.10", "Tests: TestTwo<b>")
	for _, scheme := range []string{"light", "dark"} {
		b.setScreen(1280, 900, scheme)
		b.shoot("coverage-" + scheme)
	}
	if len(b.trouble) > 0 {
		t.Errorf("the page caused %q", b.trouble)
	}
}
