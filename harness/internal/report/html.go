package report

import (
	"bytes"
	_ "embed" // for the page's parts
	"fmt"
	"html/template"
	"path"
	"strings"

	"github.com/kmodtest/kmodtest/harness/internal/coverage"
)

//go:embed page/page.html
var pageTemplate string

//go:embed page/page.css
var pageStyle string

//go:embed page/page.js
var pageScript string

// pageLimit is how many bytes of outputs and logs a page has at most.
const pageLimit = 32 << 20

// signs are shown in cells, so that states do not differ in colour only.
var signs = map[State]string{Passed: "✓", Skipped: "–", NotApplicable: "⊘", Allowed: "~", NotRun: "·", Broken: "?", Failed: "✗", Fault: "‼"}

// pageParts is the data of the page's template.
type pageParts struct {
	Report *Report
	Grid   grid
	Style  template.CSS
	Script template.JS
}

// HTML returns the report as one page that loads nothing. Its script filters the
// grid and shows the output and the log behind a cell. If the outputs and logs
// are longer than 32 MiB in total, those of runs and tests that passed are
// shortened first.
func (r *Report) HTML() ([]byte, error) {
	page, err := template.New("page").Funcs(template.FuncMap{
		"sign":      func(s State) string { return signs[s] },
		"base":      path.Base,
		"dir":       func(pkg string) string { return strings.TrimSuffix(pkg, path.Base(pkg)) },
		"seconds":   shortSeconds,
		"states":    func() []State { return []State{Failed, Fault, Broken, NotApplicable, Skipped, Passed, NotRun} },
		"count":     Count,
		"commonDir": commonDir,
		"short":     func(p *coverage.Profile, name string) string { return strings.TrimPrefix(name, commonDir(p)) },
	}).Parse(pageTemplate)
	if err != nil {
		return nil, err
	}
	r = r.Cleaned()
	shorten(r, pageLimit)
	var b bytes.Buffer
	err = page.Execute(&b, pageParts{r, newGrid(r), template.CSS(pageStyle), template.JS(pageScript)})
	return b.Bytes(), err
}

// shorten cuts the outputs and logs of a report so that all of them together have about limit
// bytes: those of runs and tests that passed first.
func shorten(r *Report, limit int) {
	var quiet, bad []*string
	total := 0
	add := func(state State, texts ...*string) {
		for _, text := range texts {
			total += len(*text)
			if state.Bad() {
				bad = append(bad, text)
			} else {
				quiet = append(quiet, text)
			}
		}
	}
	for i := range r.Runs {
		run := &r.Runs[i]
		add(run.State, &run.Raw, &run.Output, &run.KernelLog)
		for i := range run.Tests {
			add(run.Tests[i].State, &run.Tests[i].Output)
		}
	}
	for _, texts := range [][]*string{quiet, bad} {
		var sizes []int
		own := 0
		for _, text := range texts {
			sizes = append(sizes, len(*text))
			own += len(*text)
		}
		if total <= limit {
			return
		}
		most := max(Level(sizes, limit-(total-own)), 4*noteRoom)
		for _, text := range texts {
			total -= len(*text)
			*text = clip(*text, most)
			total += len(*text)
		}
	}
}

// shortSeconds returns a time as it fits into a cell; "" if it is too short to
// matter.
func shortSeconds(s float64) string {
	switch {
	case s < 0.95:
		return ""
	case s < 9.95:
		return fmt.Sprintf("%.1f s", s)
	case s < 119.5:
		return fmt.Sprintf("%.0f s", s)
	}
	return fmt.Sprintf("%.0f min", s/60)
}
