package report

import (
	"fmt"
	"path"
	"strings"
	"text/tabwriter"
)

// Table returns the report for a terminal: a line for each run.
func (r *Report) Table() string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	line := func(columns ...string) {
		_, _ = fmt.Fprintln(w, strings.Join(columns, "\t")) // a Builder never fails
	}
	line("kernel", "release", "package", "build", "load", "tests", "time", "result")
	for _, k := range r.Kernels {
		for _, pkg := range r.Packages {
			run := r.Run(k.Name, pkg)
			if run == nil {
				line(k.Name, k.exact(), path.Base(pkg), "", "", "", "", string(NotRun))
				continue
			}
			result := string(run.Judged())
			if run.Title != "" {
				result += ": " + shortTitle(run.Title)
			}
			line(k.Name, k.exact(), path.Base(pkg), stepWord(run.Step("build")), stepWord(run.Step("load")),
				run.tally(), fmt.Sprintf("%.1f s", run.Seconds), result)
		}
	}
	_ = w.Flush() // as above
	return b.String()
}

// shortTitle returns the beginning of a title: the table is wide already.
func shortTitle(title string) string {
	const most = 60
	if runes := []rune(title); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return title
}

func stepWord(step Step) string {
	if step.State == Passed {
		return fmt.Sprintf("%.1f s", step.Seconds)
	}
	return string(step.State)
}
