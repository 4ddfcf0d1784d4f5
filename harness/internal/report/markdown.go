package report

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"
)

// Limits of the Markdown form, in bytes. GitHub shows no step summary of more
// than 1 MiB.
const (
	markdownLimit = 900 << 10
	tableLimit    = 300 << 10 // of the table in it
	detailsLimit  = 64 << 10  // of one run's details
	leastDetails  = 2 << 10
)

// marks stand before a state where there is room for one sign.
var marks = map[State]string{Passed: "✅", Skipped: "➖", NotApplicable: "➖", Allowed: "🟨", NotRun: "➖", Broken: "🟧", Failed: "❌", Fault: "💥"}

// Markdown returns the report for GitHub: a headline, a table with a row for
// each run, and a block to unfold for each run that did not pass, the worst
// first. It has at most 900 KiB: rows of runs that passed, the middle of outputs
// and the details of the least bad runs are left out first, and it says so.
func (r *Report) Markdown() ([]byte, error) {
	r = r.Cleaned()
	var b strings.Builder
	fmt.Fprintf(&b, "### %s %s\n\n%s%s", marks[r.State()], r.Headline(), r.Changes.markdown(), markdownTable(r))
	if r.Coverage != nil {
		fmt.Fprintf(&b, "\nCoverage of the modules: %s\n", inCell(r.Coverage.Text()))
	}
	var bad []*Run
	for i := range r.Runs {
		if r.Runs[i].State.Bad() {
			bad = append(bad, &r.Runs[i])
		}
	}
	slices.SortStableFunc(bad, func(a, b *Run) int { return slices.Index(States, b.Judged()) - slices.Index(States, a.Judged()) })
	for i, run := range bad {
		left := markdownLimit - 200 - b.Len()
		details := run.markdownDetails(min(max(left/(len(bad)-i), leastDetails), detailsLimit))
		if len(details) > left {
			fmt.Fprintf(&b, "\nLeft out here: %s that did not pass; the other reports have the details.\n", Count(len(bad)-i, "run"))
			break
		}
		b.WriteString(details)
	}
	return []byte(b.String()), nil
}

// Headline returns the report in a line.
func (r *Report) Headline() string {
	states := map[State]int{}
	for _, run := range r.Runs {
		states[run.Judged()]++
	}
	states[NotRun] = len(r.Missing())
	text := fmt.Sprintf("%s on %s", Count(len(r.Packages), "package"), Count(len(r.Kernels), "kernel"))
	if r.State() == Passed && states[NotRun]+states[NotApplicable] == 0 {
		return text + ": all passed"
	}
	var words []string
	for _, state := range States {
		if states[state] > 0 {
			words = append(words, fmt.Sprintf("%d %s", states[state], state))
		}
	}
	if r.Interrupted {
		words = append(words, "interrupted")
	}
	return text + ": " + strings.Join(words, ", ")
}

// Count returns a number with its noun, which is singular for one.
func Count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// tableRow is a row of the Markdown table.
type tableRow struct {
	state State
	text  string
}

func markdownTable(r *Report) string {
	var rows []tableRow
	size := 0
	for _, k := range r.Kernels {
		for _, pkg := range r.Packages {
			row := newTableRow(k, pkg, r.Run(k.Name, pkg))
			rows = append(rows, row)
			size += len(row.text)
		}
	}
	leftOut := 0
	for _, state := range States { // from best to worst
		rows = slices.DeleteFunc(rows, func(row tableRow) bool {
			drop := row.state == state && size > tableLimit
			if drop {
				size -= len(row.text)
				leftOut++
			}
			return drop
		})
	}
	var b strings.Builder
	b.WriteString("| kernel | release | package | build | load | tests | seconds | result |\n|---|---|---|---|---|---|---|---|\n")
	for _, row := range rows {
		b.WriteString(row.text)
	}
	if leftOut > 0 {
		fmt.Fprintf(&b, "\n%s left out of this table; the other reports have them.\n", Count(leftOut, "row"))
	}
	return b.String()
}

// newTableRow returns the row of a run, which is nil if there was none.
func newTableRow(k Kernel, pkg string, run *Run) tableRow {
	begin := fmt.Sprintf("| %s | %s | %s |", inCell(k.Name), inCell(k.exact()), inCell(path.Base(pkg)))
	if run == nil {
		return tableRow{NotRun, fmt.Sprintf("%s | | | | %s not run |\n", begin, marks[NotRun])}
	}
	return tableRow{run.Judged(), fmt.Sprintf("%s %s | %s | %s | %.1f | %s |\n", begin,
		stepCell(run.Step("build")), stepCell(run.Step("load")), inCell(run.tally()), run.Seconds,
		inCell(marks[run.Judged()]+" "+run.result()))}
}

// result returns what went wrong, and why the run may fail.
func (r *Run) result() string {
	text := cmp.Or(r.Title, string(r.State))
	if r.Judged() == Allowed {
		text += "; allowed to fail: " + r.Allowed
	}
	return text
}

// exact returns the release of the kernel and the version of its package.
func (k Kernel) exact() string {
	if k.Version == "" {
		return k.Release
	}
	return k.Release + " (" + k.Version + ")"
}

func stepCell(step Step) string {
	if step.State == Passed {
		return fmt.Sprintf("%.1f s", step.Seconds)
	}
	return marks[step.State]
}

// foldedAdvice is how many bytes of advice are shown without unfolding them:
// longer advice is mostly QEMU's command line.
const foldedAdvice = 300

// markdownDetails returns a block to unfold, of at most limit bytes unless the
// titles alone are longer.
func (r *Run) markdownDetails(limit int) string {
	begin := fmt.Sprintf("\n<details><summary>%s %s on %s: %s</summary>\n\n",
		marks[r.Judged()], inSummary(path.Base(r.Package)), inSummary(r.Kernel), inSummary(r.result()))
	const end = "\n</details>\n"
	advice := ""
	if text := endOf(r.Advice, limit/4); text != "" {
		advice = "\n" + inFence(text)
		if len(text) > foldedAdvice {
			advice = "\n<details><summary>Advice</summary>\n" + advice + end
		}
	}
	const fences = 2 * (mostTicks + 2)
	evidence := r.Evidence(limit - len(begin) - len(advice) - len(end) - fences - 100)
	if evidence != "" {
		evidence = inFence(evidence)
	}
	return begin + evidence + advice + end
}
