package report

import (
	"regexp"
	"strings"
)

// Text from a guest must not become markup. The escapes depend on the place:
// inside an HTML element GitHub reads HTML and no Markdown, and inside a fenced
// block only the end of the fence.

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

// inertPairs are replacements for text that GitHub turns into links and formulas,
// in Markdown and in HTML: @user, #1, GH-1, addresses, $x$.
var inertPairs = []string{
	"@", "@\u200b", "#", "#\u200b", "GH-", "GH\u200b-", "gh-", "gh\u200b-", "://", ":\u200b//", "www.", "www\u200b.", "$", "<span>$</span>",
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// Quote returns lines that no CI system takes for commands: each begins with a bar, and "##[", which GitHub
// recognizes anywhere in a line, gets a space.
func Quote(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString("| " + Inert(strings.TrimSuffix(line, "\n")) + "\n")
	}
	return b.String()
}

// Inert returns the text of a line, in which "##[" gets a space.
func Inert(line string) string { return strings.ReplaceAll(line, "##[", "## [") }
