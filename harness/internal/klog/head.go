package klog

import (
	"regexp"
	"strings"
	"sync"

	"github.com/kmodtest/kmodtest/harness/internal/klog/trace"
)

// head describes one form of fault: the line that begins its report, and how the
// report is read. Its forms must not match a line of a healthy kernel's log.
type head struct {
	forms  []string // regular expressions for the beginning of the line
	kind   Kind
	ends   ending
	blame  trace.Blame
	title  string            // template of the title, with $1 for a group of the form; "" is $0, the line
	body   func(string) bool // recognizes lines that only this report may have, not any dump; nil for no lines
	change []change          // more exact kinds, which the rest of the report determines
	detail detail            // text that is added to the title

	after   Kind     // a line that follows a report of this kind, which has ended, belongs to it
	message bool     // the line can also be the message of a BUG or WARNING, which then is of this kind
	sources []string // files whose BUG and WARNING are of this kind
	passes  []string // parts of the names of functions that cannot be the guilty one
	within  string   // a line that contains this belongs to the open report of a KASAN fault
	repeats bool     // lines of this head, one after the other, are one report
	glued   bool     // may follow other text on its line if the log has no times
	mild    bool     // counts only if an oops follows: a program can cause it, too
	weak    bool     // counts only with a time if other lines of the log have one
}

// follows reports whether a line of the head belongs to a report before it that has ended.
func (h *head) follows(r *report) bool {
	return h.kind == Panic || h.after != "" && h.after == r.head.kind
}

// change replaces the kind by a more exact one if the head contains a text, or
// another line of the report begins with it.
type change struct {
	text string
	kind Kind
}

// pattern is a compiled form.
type pattern struct {
	head   *head
	prefix string
	needs  string         // a literal text anywhere in the line
	rest   *regexp.Regexp // for the whole line; nil if the prefix is enough
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

// expand returns the title of the head for a line that the pattern matches.
func (p *pattern) expand(line string) string {
	if p.rest == nil {
		return p.head.title
	}
	return string(p.rest.ExpandString(nil, p.head.title, line, p.rest.FindStringSubmatchIndex(line)))
}

// headOf returns the head that matches a line, or nil.
func headOf(line string) *head {
	p, _ := patternOf(line)
	if p == nil {
		return nil
	}
	return p.head
}

// patternOf returns the pattern that a line matches, or nil, and the line without
// the brackets around it or the "Oops: " before it, which forms do not have.
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

// gluedPrefixes are the beginnings of those heads that may follow other text on
// their line.
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

// gluedHead returns the index in a line at which a head follows other text, or 0. A
// program printed that text without an end of line.
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
