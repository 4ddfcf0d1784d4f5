package report

import (
	"regexp"
	"strings"
)

// A text of a guest must not become markup. How it has to be escaped depends on
// where it stands: GitHub does not read Markdown inside an HTML element, and
// nothing but the fence itself inside a fenced block.

// inCell escapes a text for a cell of a Markdown table.
func inCell(text string) string {
	return cellEscapes.Replace(oneLine(text))
}

// inSummary escapes a text for an HTML element such as summary.
func inSummary(text string) string {
	return summaryEscapes.Replace(oneLine(text))
}

// inFence returns a text as a fenced block. The text has to end with an end of
// line.
func inFence(text string) string {
	text = manyTicks.ReplaceAllString(text, strings.Repeat("`", mostTicks)+"[…]")
	fence := "```"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	return fence + "\n" + text + fence + "\n"
}

// mostTicks is the longest run of backticks in a fenced block: the fence is
// longer than that.
const mostTicks = 32

var manyTicks = regexp.MustCompile("`{33,}")

var cellEscapes = strings.NewReplacer(append([]string{
	`\`, `\\`, "|", `\|`, "<", "&lt;", ">", "&gt;", "&", "&amp;", "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`, "~", `\~`,
}, inertPairs...)...)

var summaryEscapes = strings.NewReplacer(append([]string{"<", "&lt;", ">", "&gt;", "&", "&amp;"}, inertPairs...)...)

// inertPairs take from GitHub what it makes links and formulas of, in Markdown
// and HTML alike: @user, #1, GH-1, addresses, $x$.
var inertPairs = []string{
	"@", "@\u200b", "#", "#\u200b", "GH-", "GH\u200b-", "gh-", "gh\u200b-", "://", ":\u200b//", "www.", "www\u200b.", "$", "<span>$</span>",
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
