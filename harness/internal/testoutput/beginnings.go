package testoutput

import (
	"strings"

	"github.com/kmodtest/kmodtest/harness/internal/inside"
)

// beginnings prints how tests begin.
type beginnings struct {
	out   *printer
	tests *tests
	lead  lead
}

// lead is a top-level test that has just started: it may turn out to be a test that is
// skipped, or none at all.
type lead struct {
	name    string
	unsure  bool // its line has no marker, so it may be output of another program
	printed bool // its line was printed as output, because it was unsure
}

// waits reports whether the next item decides what the lead is.
func (l lead) waits() bool { return l.name != "" && !l.printed }

// take takes a line about the beginning of a test.
func (b *beginnings) take(i item) error {
	switch {
	case i.what == ">>>":
		return b.start(i.text)
	case i.what == maybeRun:
		b.lead = lead{name: i.text, unsure: true}
		return nil
	case !strings.Contains(i.text, "/"):
		b.lead, b.out.name = lead{name: i.text}, i.text
		return nil
	}
	return b.begin(i.text)
}

// start begins the top-level test in a line with a number, or with "-" if the test is
// skipped.
func (b *beginnings) start(text string) error {
	number, name, _ := strings.Cut(text, " ")
	if b.lead.name != name { // its number did not come
		if err := b.resolve(); err != nil {
			return err
		}
	}
	if strings.Trim(number, "0123456789") != "" {
		b.lead = lead{}
		return nil
	}
	return b.begin(name)
}

// resolve decides what the lead is, if any: the number of a test does not follow. A test of
// which the testing package has printed the beginning is followed by its number; a fuzz
// target has none.
func (b *beginnings) resolve() error {
	switch {
	case !b.lead.waits():
		return nil
	case b.lead.unsure && (isTest(b.lead.name) || strings.Contains(b.lead.name, "/")):
		b.lead.printed = true
		return b.out.print(firstLine + b.lead.name + "\n")
	}
	return b.begin(b.lead.name)
}

// begin prints that a test runs, unless it had begun in an earlier machine.
func (b *beginnings) begin(name string) error {
	b.out.name = name
	if b.tests.open[name] != nil {
		b.lead = lead{}
		return nil
	}
	_, err := b.open(name, inside.MarkedName(name))
	return err
}

// open adds a test that begins, and prints that.
func (b *beginnings) open(name, marked string) (*test, error) {
	printed := b.lead.printed && b.lead.name == name
	b.lead = lead{}
	t := b.tests.begin(name, marked)
	if printed {
		b.out.shown = name
		return t, nil
	}
	return t, b.out.event(item{what: "=== RUN", text: name}, firstLine)
}
