// Package ktap reads the results of tests in the kernel's format KTAP, and in TAP.
// Documentation/dev-tools/ktap.rst of the kernel describes it.
package ktap

import (
	"bufio"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Case is a case, or the whole output.
type Case struct {
	Name   string
	OK     bool
	Skip   bool
	Todo   bool
	Reason string   // of Skip and Todo
	Log    []string // lines before the result
	Cases  []*Case
	Broken string // what is wrong with the results of Cases; "" for nothing
}

// Limits of what is read.
const (
	maxCases = 100_000
	maxDepth = 50
	maxLine  = 1 << 20
)

// Fails reports whether the case, or a case in it, fails.
func (c *Case) Fails() bool { return c.Broken != "" || !c.OK && !c.Skip && !c.Todo || c.AnyFails() }

// AnyFails reports whether a case in this one fails.
func (c *Case) AnyFails() bool { return slices.ContainsFunc(c.Cases, (*Case).Fails) }

var (
	stampPattern   = regexp.MustCompile(`^(<\d+>)?\[ *\d+\.\d+\](\[ *[TC]\d+\])? ?`)
	versionPattern = regexp.MustCompile(`^(K?TAP) version \d+$`)
	planPattern    = regexp.MustCompile(`^1\.\.(\d+)( *# *(?i:skip)\S*\s*(.*))?$`)
	resultPattern  = regexp.MustCompile(`^(not )?ok\b *(\d+)?(.*)$`)
	markPattern    = regexp.MustCompile(`(?:^|\s)#\s*((?i)skip|todo|timeout|xfail|xpass|error)\b:?\s*(.*)$`)
	subtestPattern = regexp.MustCompile(`^# Subtest: (.*)$`)
)

// level is a list of results that is being read.
type level struct {
	indent  int
	planned int // number of results; -1 if unknown
	cases   []*Case
	log     []string // since the last result
	name    string   // as of "# Subtest:"
}

// broken returns what is wrong with the list; "" for nothing.
func (l *level) broken() string {
	if l.planned >= 0 && len(l.cases) != l.planned {
		return fmt.Sprintf("%d of %d planned cases have a result; the program has crashed, or does not follow its plan", len(l.cases), l.planned)
	}
	return ""
}

// reader reads results. The last level is the innermost one.
type reader struct {
	levels []*level
	cases  int
}

// Read returns the whole output as a case. Lines that are not results belong to the case
// whose result comes next. The time at the beginning of a line, as in the kernel log, is
// ignored.
func Read(r io.Reader) (*Case, error) {
	k := &reader{levels: []*level{{planned: -1}}}
	in := bufio.NewScanner(r)
	in.Buffer(nil, maxLine)
	for in.Scan() {
		if err := k.line(stampPattern.ReplaceAllString(strings.TrimRight(in.Text(), "\r"), "")); err != nil {
			return nil, err
		}
	}
	if err := in.Err(); err != nil {
		return nil, fmt.Errorf("read the output: %w", err)
	}
	for len(k.levels) > 1 { // their cases have no result
		inner := k.top()
		k.levels = k.levels[:len(k.levels)-1]
		broken := inner.broken()
		if broken == "" {
			broken = "the output ends before the result of these cases"
		}
		outer := k.top()
		name := inner.name
		if name == "" {
			name = strconv.Itoa(len(outer.cases) + 1)
		}
		outer.cases = append(outer.cases, &Case{Name: name, Cases: inner.cases, Log: inner.log, Broken: broken})
	}
	top := k.top()
	return &Case{OK: true, Cases: top.cases, Log: top.log, Broken: top.broken()}, nil
}

func (k *reader) top() *level { return k.levels[len(k.levels)-1] }

// line reads one line.
func (k *reader) line(text string) error {
	body := strings.TrimLeft(text, " ")
	indent := len(text) - len(body)
	body = strings.TrimRight(body, " ")
	switch {
	case versionPattern.MatchString(body):
		return k.open(indent)
	case subtestPattern.MatchString(body):
		if err := k.open(indent); err != nil {
			return err
		}
		k.top().name = subtestPattern.FindStringSubmatch(body)[1]
	case planPattern.MatchString(body):
		if err := k.open(indent); err != nil {
			return err
		}
		n, err := strconv.Atoi(planPattern.FindStringSubmatch(body)[1])
		if err != nil || n > maxCases {
			return fmt.Errorf("the plan %q is not possible", body)
		}
		k.top().planned = n
	case resultPattern.MatchString(body):
		return k.result(indent, resultPattern.FindStringSubmatch(body))
	case body != "":
		k.top().log = append(k.top().log, strings.TrimPrefix(body, "# "))
	}
	return nil
}

// open begins a list with that indentation, unless it is the innermost one.
func (k *reader) open(indent int) error {
	if indent <= k.top().indent {
		return nil
	}
	if len(k.levels) == maxDepth {
		return fmt.Errorf("cases are nested more than %d deep", maxDepth)
	}
	k.levels = append(k.levels, &level{indent: indent, planned: -1})
	return nil
}

// result adds a result to the list with its indentation. The lists inside of it belong
// to this case.
func (k *reader) result(indent int, fields []string) error {
	k.cases++
	if k.cases > maxCases {
		return fmt.Errorf("there are more than %d results", maxCases)
	}
	c := &Case{OK: fields[1] == ""}
	text := strings.TrimSpace(fields[3])
	if at := markPattern.FindStringSubmatchIndex(text); at != nil {
		c.mark(strings.ToLower(text[at[2]:at[3]]), text[at[4]:at[5]])
		text = strings.TrimSpace(text[:at[0]])
	}
	var inner *level
	for len(k.levels) > 1 && k.top().indent > indent {
		outer := k.levels[len(k.levels)-2]
		if inner = k.top(); outer.indent > indent { // a result is missing in between
			outer.cases = append(outer.cases, &Case{Name: inner.name, Cases: inner.cases, Log: inner.log, Broken: "the case has no result"})
		}
		k.levels = k.levels[:len(k.levels)-1]
	}
	list := k.top()
	c.Log, list.log = append(list.log, c.Log...), nil
	if inner != nil {
		c.Cases, c.Broken = inner.cases, inner.broken()
		c.Log = append(c.Log, inner.log...)
	}
	if c.Name = strings.TrimSpace(strings.TrimPrefix(text, "-")); c.Name == "" {
		c.Name = strconv.Itoa(len(list.cases) + 1)
	}
	list.cases = append(list.cases, c)
	return nil
}

// mark sets what follows the result after a number sign.
func (c *Case) mark(word, reason string) {
	switch word {
	case "skip":
		c.Skip = true
	case "todo", "xfail":
		c.Todo = true
	case "timeout", "error", "xpass":
		c.OK = false
		c.Log = append(c.Log, word+" "+reason)
	}
	c.Reason = reason
}
