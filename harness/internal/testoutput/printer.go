package testoutput

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// style is how the user wants test results to be printed.
type style int

const (
	styleQuiet   style = iota // only results of tests that fail
	styleVerbose              // -test.v
	styleJSON                 // -test.v=test2json
)

func styleOf(v string) style {
	switch v {
	case "test2json":
		return styleJSON
	case "true":
		return styleVerbose
	}
	return styleQuiet
}

// printer prints lines about tests in the form of the testing package.
type printer struct {
	w     io.Writer
	style style
	name  string // the test that logs
	shown string // the test that the last line was about
	kept  int    // bytes of lines that are kept until their tests end
}

func (p *printer) print(text string) error {
	if _, err := io.WriteString(p.w, text); err != nil {
		return fmt.Errorf("write the tests' output: %w", err)
	}
	return nil
}

// event prints a line that appears with -test.v only.
func (p *printer) event(i item, lead string) error {
	p.shown, _, _ = strings.Cut(i.text, " ")
	switch p.style {
	case styleVerbose:
		return p.print(lead + i.text + "\n")
	case styleJSON:
		return p.print(marker + lead + i.text + "\n")
	}
	return nil
}

// update prints an event that is neither a beginning nor an end.
func (p *printer) update(i item) error {
	p.name, _, _ = strings.Cut(i.text, " ")
	if i.what == "=== NAME" {
		if p.style == styleJSON {
			return p.print(marker + "=== NAME  " + i.text + "\n")
		}
		return nil
	}
	at := slices.IndexFunc(leads, func(lead string) bool { return strings.TrimRight(lead, " :") == i.what })
	return p.event(i, leads[at])
}

// line prints a line of the testing package that belongs to no test, such as PASS.
func (p *printer) line(text string) error {
	if p.style == styleJSON {
		text = marker + text
	}
	return p.print(text)
}

// log prints lines of the test with that name, or keeps them in t, which may be
// nil, until it fails.
func (p *printer) log(t *test, name, text string) error {
	switch p.style {
	case styleQuiet:
		if t != nil {
			p.keep(t, text)
			return nil
		}
	case styleVerbose:
		if p.shown != "" && p.shown != name {
			text = "=== NAME  " + name + "\n" + text
		}
		p.shown = name
	case styleJSON:
	}
	return p.print(text)
}

// add is log for the harness's own lines about an open test.
func (p *printer) add(t *test, text string) error {
	if text == "" {
		return nil
	}
	if p.style == styleJSON && p.name != t.name {
		p.name = t.name
		return p.print(marker + "=== NAME  " + t.name + "\n" + indent(text))
	}
	return p.log(t, t.name, indent(text))
}

// maxKept is how many bytes of lines are kept until their tests end.
const maxKept = 32 << 20

// keep keeps lines until the test ends.
func (p *printer) keep(t *test, text string) {
	if p.kept+len(text) > maxKept {
		t.text.Drop(len(text))
		return
	}
	before := t.text.Size()
	t.text.Add(0, []byte(text))
	p.kept += t.text.Size() - before
}

// result prints the last line of a test, and the lines that belong below it.
func (p *printer) result(t *test, result, took string) error {
	p.kept -= t.text.Size()
	if result != "--- FAIL" && p.style == styleQuiet {
		return nil
	}
	block := result + ": " + t.name + took + "\n" + t.text.String()
	switch {
	case p.style == styleJSON:
		return p.print(marker + block)
	case t.parent != nil:
		p.keep(t.parent, indent(block))
		return nil
	}
	p.shown = t.name
	return p.print(block)
}

func indent(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString("    " + line)
	}
	return b.String()
}
