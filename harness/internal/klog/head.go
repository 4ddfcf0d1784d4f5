package klog

import (
	"regexp"
	"strings"
	"sync"

	"github.com/kmodtest/kmodtest/harness/internal/klog/trace"
)

// head describes one form of fault: the line that begins its report, and how the
// report is read. What its forms match must not be in a healthy kernel's log.
type head struct {
	forms  []string // regular expressions for the beginning of the line
	kind   Kind
	ends   ending
	blame  trace.Blame
	title  string            // template of the title, with $1 for a group of the form; "" is $0, the line
	body   func(string) bool // what its report may hold in addition to the lines of any dump; nil is nothing
	change []change          // kinds that the rest of the report makes more exact
	detail detail            // what is added to the title

	message bool     // the line can also be the message of a BUG or WARNING, which then is of this kind
	sources []string // files whose BUG and WARNING are of this kind
	passes  []string // parts of the names of functions that only pass on what the report is about
	within  string   // a part of the line with which it belongs to the open report of a KASAN fault
	glued   bool     // may follow other text on its line where the log has no times
	weak    bool     // counts only with a time where other lines of the log have one
}

// change makes a kind more exact if the head has a text in it, or another line
// of the report begins with that text.
type change struct {
	text string
	kind Kind
}

// pattern is a compiled form.
type pattern struct {
	head   *head
	prefix string
	needs  string         // a literal text anywhere in the line
	rest   *regexp.Regexp // of the whole line; nil if the prefix is all
}

// headBytes is how much of a line is compared with the forms of heads.
const headBytes = 1024

// patterns are the forms of all heads by their first byte, in the order of the
// table. Those under 0 begin with any text.
var patterns = sync.OnceValue(func() map[byte][]pattern {
	found := map[byte][]pattern{}
	for i := range heads {
		for _, form := range heads[i].forms {
			p := compile(form)
			p.head = &heads[i]
			letter := byte(0)
			if p.prefix != "" {
				letter = p.prefix[0]
			}
			found[letter] = append(found[letter], p)
		}
	}
	return found
})

// anything begins the forms that begin with any text. The literal text that
// follows is looked for first, since it is cheap.
const anything = "*"

func compile(form string) pattern {
	var p pattern
	if rest, ok := strings.CutPrefix(form, anything); ok {
		p.needs, form, _ = strings.Cut(rest, anything)
	}
	prefix, complete := regexp.MustCompile(form).LiteralPrefix()
	p.prefix = prefix
	if !complete || strings.Contains(form, "(") {
		p.rest = regexp.MustCompile("^(?:" + form + ")")
	}
	return p
}

func (p *pattern) matches(line string) bool {
	return strings.HasPrefix(line, p.prefix) && (p.needs == "" || strings.Contains(line, p.needs)) && (p.rest == nil || p.rest.MatchString(line))
}

// headOf returns the head that a line is, or nil.
func headOf(line string) *head {
	p, _ := patternOf(line)
	if p == nil {
		return nil
	}
	return p.head
}

// patternOf returns the pattern that a line matches, or nil, and the line as the
// forms of heads have it: without brackets around it or "Oops: " before it.
func patternOf(line string) (*pattern, string) {
	if len(line) < 8 {
		return nil, line
	}
	if len(line) > headBytes {
		line = line[:headBytes]
	}
	if exception, ok := strings.CutPrefix(line, "Oops: "); ok { // since 6.10
		if p, text := patternOf(exception); p != nil {
			return p, text
		}
	}
	if inside, ok := strings.CutPrefix(line, "[ "); ok { // lockdep before 4.12
		if end := strings.LastIndex(inside, " ]"); end >= 8 {
			if p, text := patternOf(inside[:end]); p != nil && p.head.kind == Lockdep {
				return p, text
			}
		}
	}
	for _, letter := range []byte{line[0], 0} {
		found := patterns()[letter]
		for i := range found {
			if found[i].matches(line) {
				return &found[i], line
			}
		}
	}
	return nil, line
}

// gluedPrefixes are the texts that heads begin with which may follow other text
// on their line.
var gluedPrefixes = sync.OnceValue(func() []string {
	var found []string
	for i := range heads {
		for _, form := range heads[i].forms {
			p := compile(form)
			if heads[i].glued && len(p.prefix) > 8 {
				found = append(found, p.prefix)
			}
		}
	}
	return found
})

// gluedHead returns where in a line a head begins after other text, or 0: a program
// printed that text without an end of line.
func gluedHead(line string) int {
	for _, prefix := range gluedPrefixes() {
		if at := strings.Index(line, prefix); at > 0 {
			if h := headOf(line[at:]); h != nil && h.glued {
				return at
			}
		}
	}
	return 0
}
