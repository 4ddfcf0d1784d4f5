package report

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"unicode/utf8"
)

// Limits of the strings in a report, in bytes.
const (
	TextLimit   = 512 << 10 // an output, a kernel log, a compiler's messages
	TitleLimit  = 300       // a title, the name of a test
	adviceLimit = 16 << 10
	placeLimit  = 4 << 10 // the name of a kernel or a package, which may be a path
)

// Clean returns a text for a report: valid UTF-8, at most TextLimit bytes, without
// control characters except tabs and ends of line, and without characters that
// override the direction of text. If the text is longer, Clean replaces its middle
// by a line with the number of bytes that are left out. Cleaning a clean text does
// not change it.
func Clean(text []byte) string {
	return clip(cleanText(string(text)), TextLimit)
}

// CleanLine is Clean for a text of one line and of at most TitleLimit bytes.
func CleanLine(text string) string { return cleanLine(text, TitleLimit) }

// CleanName is CleanLine for the name of a test. Names that differ in the part
// that is cut off still differ: the end of a shortened name is a hash.
func CleanName(name string) string {
	line := cleanLine(name, len(name)*utf8.UTFMax)
	if len(line) <= TitleLimit {
		return line
	}
	hash := fnv.New64a()
	_, _ = hash.Write([]byte(line)) // never fails: see hash.Hash
	end := fmt.Sprintf("…%016x", hash.Sum64())
	return beginOf(line, TitleLimit-len(end)) + end
}

func cleanLine(text string, limit int) string {
	text = strings.TrimSpace(strings.Map(func(c rune) rune {
		if c == '\n' || c == '\t' {
			return ' '
		}
		return c
	}, cleanText(text)))
	if len(text) > limit {
		return beginOf(text, limit-len("…")) + "…"
	}
	return text
}

// clip returns the text if it is within the limit, else its beginning and end.
func clip(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	kept := Clip{Limit: limit}
	kept.WriteString(text)
	return kept.String()
}

// beginOf returns the first n bytes of a text, or fewer so that no character is
// cut in two.
func beginOf(text string, n int) string {
	n = max(n, 0)
	if len(text) <= n {
		return text
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}

// cleanText replaces the characters that a report must not contain.
func cleanText(text string) string {
	if isClean(text) {
		return text
	}
	var out strings.Builder
	out.Grow(len(text))
	for i, c := range text {
		switch {
		case c == '\r' && strings.HasPrefix(text[i+1:], "\n"): // the end of a line on a serial console
		case isAllowed(c):
			out.WriteRune(c)
		case c < ' ':
			out.WriteRune('\u2400' + c) // the symbol for a control character
		case c == 0x7f:
			out.WriteRune('\u2421')
		default:
			out.WriteRune(utf8.RuneError)
		}
	}
	return out.String()
}

func isClean(text string) bool {
	for _, c := range text {
		if !isAllowed(c) {
			return false
		}
	}
	return utf8.ValidString(text)
}

// isAllowed reports whether a report may contain a character.
func isAllowed(c rune) bool {
	switch {
	case c == '\n' || c == '\t':
		return true
	case c < ' ', c >= 0x7f && c < 0xa0: // control characters
		return false
	case c >= 0x202a && c <= 0x202e, c >= 0x2066 && c <= 0x2069: // overrides of the direction of text
		return false
	}
	return c != 0xfffe && c != 0xffff // not characters; XML forbids them
}

// AddRun cleans a run, adds it to the report, and returns it as it was added.
func (r *Report) AddRun(run Run) Run {
	run = run.cleaned()
	r.Runs = append(r.Runs, run)
	return run
}

// Cleaned returns a copy of the report with all strings cleaned. Every function
// that writes a report begins with it.
func (r *Report) Cleaned() *Report {
	clean := *r
	clean.Kernels, clean.Packages, clean.Runs = slices.Clone(r.Kernels), slices.Clone(r.Packages), slices.Clone(r.Runs)
	for i, k := range clean.Kernels {
		k.Name, k.Arch = cleanLine(k.Name, placeLimit), CleanLine(k.Arch)
		k.Release, k.Version = CleanLine(k.Release), CleanLine(k.Version)
		clean.Kernels[i] = k
	}
	for i, pkg := range clean.Packages {
		clean.Packages[i] = cleanLine(pkg, placeLimit)
	}
	clean.Commit, clean.Changes = CleanLine(r.Commit), r.Changes.cleaned()
	for i := range clean.Runs {
		run := clean.Runs[i].cleaned()
		run.Kernel, run.Package = cleanLine(run.Kernel, placeLimit), cleanLine(run.Package, placeLimit)
		clean.Runs[i] = run
	}
	clean.Coverage = cleanCoverage(r.Coverage)
	return &clean
}

// cleaned returns a copy of the run with all strings cleaned that a guest may
// have printed: all except the names of the kernel and the package.
func (r *Run) cleaned() Run {
	c := *r
	c.State = c.State.cleaned()
	for _, line := range []*string{&c.Allowed, &c.Kind, &c.Stage, &c.Title, &c.Accel} {
		*line = CleanLine(*line)
	}
	for _, text := range []*string{&c.Raw, &c.Output, &c.KernelLog} {
		*text = clip(cleanText(*text), TextLimit)
	}
	c.Advice = clip(cleanText(c.Advice), adviceLimit)
	c.Steps, c.Phases, c.Tests = slices.Clone(c.Steps), slices.Clone(c.Phases), slices.Clone(c.Tests)
	for i, step := range c.Steps {
		c.Steps[i].Name, c.Steps[i].State = CleanLine(step.Name), step.State.cleaned()
	}
	for i, phase := range c.Phases {
		c.Phases[i].Name = CleanLine(phase.Name)
	}
	for i, test := range c.Tests {
		c.Tests[i].Name, c.Tests[i].State = CleanName(test.Name), test.State.cleaned()
		c.Tests[i].Output = clip(cleanText(test.Output), TextLimit)
	}
	return c
}

// cleaned returns the state, or Broken for a string that is no state.
func (s State) cleaned() State {
	if slices.Contains(States, s) {
		return s
	}
	return Broken
}
