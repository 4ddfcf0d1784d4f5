package report

import (
	"cmp"
	"fmt"
	"path"
	"strings"
)

// markdownLimit is how many bytes the details of a report may take: a comment
// on GitHub has at most 65536 characters.
const markdownLimit = 48 << 10

// marks stand before a state where there is room for one sign.
var marks = map[State]string{Passed: "✅", Skipped: "➖", NotRun: "➖", Broken: "🟧", Failed: "❌", Fault: "💥"}

// Markdown is the report for a pull request: a headline, a table with a row
// for each run, and what there is to say of those that are bad.
func (r *Report) Markdown() ([]byte, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "### %s %s\n\n", marks[r.State()], r.Headline())
	b.WriteString(r.markdownTable())
	left := markdownLimit
	for i := range r.Runs {
		run := &r.Runs[i]
		if !run.State.Bad() {
			continue
		}
		details := run.markdownDetails(left)
		left -= len(details)
		b.WriteString(details)
	}
	return []byte(b.String()), nil
}

// Headline is the report in a line.
func (r *Report) Headline() string {
	states := map[State]int{}
	for _, run := range r.Runs {
		states[run.State]++
	}
	states[NotRun] = len(r.Missing())
	text := fmt.Sprintf("%s on %s", count(len(r.Packages), "package"), count(len(r.Kernels), "kernel"))
	if r.State() == Passed && states[NotRun] == 0 {
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

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func (r *Report) markdownTable() string {
	var b strings.Builder
	b.WriteString("| kernel | release | package | build | load | tests | seconds | result |\n|---|---|---|---|---|---|---|---|\n")
	for _, k := range r.Kernels {
		for _, pkg := range r.Packages {
			run := r.Run(k.Name, pkg)
			if run == nil {
				fmt.Fprintf(&b, "| %s | %s | %s | | | | | %s not run |\n", cell(k.Name), cell(k.exact()), cell(path.Base(pkg)), marks[NotRun])
				continue
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %.1f | %s |\n", cell(k.Name), cell(k.exact()), cell(path.Base(pkg)),
				stepCell(run.Step("build")), stepCell(run.Step("load")), cell(run.tally()), run.Seconds,
				cell(marks[run.State]+" "+cmp.Or(run.Title, string(run.State))))
		}
	}
	return b.String()
}

// exact is which kernel it was: its release, and the version of its package.
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

// cell makes a text safe within a table's cell: none of it is markup.
func cell(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	return strings.NewReplacer(`\`, `\\`, "|", `\|`, "<", "&lt;", ">", "&gt;", "&", "&amp;", "`", "\\`", "*", `\*`, "_", `\_`,
		"[", `\[`, "]", `\]`, "~", `\~`, "@", "@\u200b", "#", `\#`).Replace(text)
}

// markdownDetails is a block to unfold, of at most limit bytes or so.
func (r *Run) markdownDetails(limit int) string {
	text := r.Explanation()
	if len(text) > limit {
		text = text[max(0, len(text)-max(0, limit)):]
		_, text, _ = strings.Cut(text, "\n")
		text = "[…]\n" + text
	}
	fence := "```"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	return fmt.Sprintf("\n<details><summary>%s %s on %s: %s</summary>\n\n%s\n%s%s\n\n</details>\n",
		marks[r.State], cell(path.Base(r.Package)), cell(r.Kernel), cell(cmp.Or(r.Title, string(r.State))), fence, text, fence)
}
