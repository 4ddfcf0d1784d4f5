package report

import (
	"bytes"
	_ "embed" // for the page's parts
	"fmt"
	"html/template"
	"path"
	"strings"
)

//go:embed page/page.html
var pageTemplate string

//go:embed page/page.css
var pageStyle string

//go:embed page/page.js
var pageScript string

// signs are what a cell shows, so that nothing is told by colour alone.
var signs = map[State]string{Passed: "✓", Skipped: "–", NotRun: "·", Broken: "?", Failed: "✗", Fault: "‼"}

// pageParts are what the template of the page is filled with.
type pageParts struct {
	Report *Report
	Grid   grid
	Style  template.CSS
	Script template.JS
}

// HTML is the report as one page that needs nothing else: no network, and
// scripts only to filter and to show what a cell stands for.
func (r *Report) HTML() ([]byte, error) {
	page, err := template.New("page").Funcs(template.FuncMap{
		"sign":    func(s State) string { return signs[s] },
		"base":    path.Base,
		"dir":     func(pkg string) string { return strings.TrimSuffix(pkg, path.Base(pkg)) },
		"seconds": shortSeconds,
		"states":  func() []State { return []State{Failed, Fault, Broken, Skipped, Passed, NotRun} },
	}).Parse(pageTemplate)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = page.Execute(&b, pageParts{r, r.grid(), template.CSS(pageStyle), template.JS(pageScript)})
	return b.Bytes(), err
}

// shortSeconds is a time as it fits into a cell; "" is not worth to be told.
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
