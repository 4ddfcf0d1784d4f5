package host

import (
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kmodtest/kmodtest/harness/internal/inside"
)

// narrator turns what a test binary tells of its tests into what it would print
// by itself, and says what the kernel's log has to add: a test in whose time the
// kernel reported a fault fails. It outlives machines: when one dies in the
// middle of the tests, the next goes on.
//
// The end of a test is printed when the kernel's log has been read up to there.
type narrator struct {
	w      io.Writer
	style  style
	course *course // of the machine that runs
	// places finds file and line of what a fault names; it may be nil.
	places func(*finding)

	stream itemizer
	held   []item // waiting for the log
	mark   uint64 // that of the next end of a test
	lead   string // the top-level test that has just started, though it may not be its turn
	starts int    // of top-level tests in this machine
	again  bool   // this is not the first machine

	nodes  map[string]*node // of tests that have begun and not ended, by their names
	name   string           // the test that logs
	shown  string           // the test of which the last line was
	ended  map[int]bool     // top-level tests, by their numbers
	past   map[string]bool  // tests that were to blame for the end of a machine, by identity
	told   map[*stay]bool
	first  bool // print nothing behind the first test that fails by the kernel's word
	failed bool // a test has failed, by its own word or the kernel's
	faulty bool // by the kernel's
}

// style is how the user wants to read of tests.
type style int

const (
	styleQuiet   style = iota // only of those that fail
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

// node is a test that has begun.
type node struct {
	name   string
	parent *node
	number int       // of a top-level test; -1 if it has none
	began  time.Time // as seen here
	text   string    // what is to stand below its last line
	failed bool      // whatever the guest says
	over   []string  // names of its subtests that have ended
	met    []string  // what it had expected of a machine that is gone, and got
}

func newNarrator(w io.Writer, v string) *narrator {
	n := &narrator{
		w: w, style: styleOf(v), nodes: map[string]*node{}, ended: map[int]bool{}, past: map[string]bool{}, told: map[*stay]bool{},
	}
	n.stream.verbose = n.style == styleVerbose
	return n
}

// Write takes what the test binary prints.
func (n *narrator) Write(p []byte) (int, error) {
	err := n.stream.write(p, func(i item) error {
		n.held = append(n.held, i)
		return nil
	})
	if err == nil {
		err = n.pump(false)
	}
	return len(p), err
}

// pump goes on as far as the log has been read, or to the end.
func (n *narrator) pump(all bool) error {
	for len(n.held) > 0 {
		i := n.held[0]
		if n.first && n.faulty && len(n.nodes) == 0 {
			break
		}
		if i.what == "<<<" {
			n.mark, _ = strconv.ParseUint(i.text, 10, 64) // our own words
			if !all && (n.course.number < n.mark || !n.course.settled()) {
				return nil
			}
		}
		n.held = n.held[1:]
		if err := n.take(i); err != nil {
			return err
		}
	}
	n.held = nil
	return nil
}

// flush takes all that the machine has said. It says no more.
func (n *narrator) flush() error {
	err := n.stream.flush(func(i item) error {
		n.held = append(n.held, i)
		return nil
	})
	if err == nil {
		err = n.pump(true)
	}
	if err == nil && isTest(n.lead) { // its number did not come through
		err = n.begin(n.lead, n.next())
	}
	n.name, n.lead = "", ""
	return err
}

// follow goes on with the course of another machine.
func (n *narrator) follow(c *course) {
	n.again = n.course != nil
	n.course, n.starts, n.mark = c, 0, 0
}

func (n *narrator) take(i item) error {
	if n.lead != "" && i.what != ">>>" { // a fuzz target
		if err := n.begin(n.lead, -1); err != nil {
			return err
		}
	}
	switch i.what {
	case "":
		if n.again && strings.HasPrefix(i.text, "-test.shuffle ") {
			return nil
		}
		return n.print(i.text)
	case "log":
		return n.log(n.name, i.text+"\n")
	case "<<<":
		return nil
	case ">>>":
		number, name, _ := strings.Cut(i.text, " ")
		n.lead = ""
		n.starts++
		if k, err := strconv.Atoi(number); err == nil {
			return n.begin(name, k)
		}
		return nil
	case "=== RUN":
		if !strings.Contains(i.text, "/") {
			n.lead, n.name = i.text, i.text
			return nil
		}
		return n.begin(i.text, -1)
	case "--- PASS", "--- FAIL", "--- SKIP":
		return n.end(i)
	}
	return n.update(i)
}

// begin tells that a test runs, unless it had begun in a machine before.
func (n *narrator) begin(name string, number int) error {
	n.lead, n.name = "", name
	if test := n.nodes[name]; test != nil {
		test.number = max(test.number, number) // something else was printed before it was told
		return nil
	}
	n.nodes[name] = &node{name: name, parent: n.around(name), number: number, began: time.Now()}
	return n.show(item{what: "=== RUN", text: name}, "=== RUN   ")
}

// around returns the test of which name is a subtest.
func (n *narrator) around(name string) *node {
	for {
		i := strings.LastIndexByte(name, '/')
		if i < 0 {
			return nil
		}
		name = name[:i]
		if parent := n.nodes[name]; parent != nil {
			return parent
		}
	}
}

// update passes on an event that is neither a beginning nor an end.
func (n *narrator) update(i item) error {
	n.name, _, _ = strings.Cut(i.text, " ")
	if i.what == "=== NAME" {
		if n.style == styleJSON {
			return n.print(marker + "=== NAME  " + i.text + "\n")
		}
		return nil
	}
	at := slices.IndexFunc(leads, func(lead string) bool { return strings.TrimRight(lead, " :") == i.what })
	return n.show(i, leads[at])
}

// show prints a line about a test that is not for the quiet.
func (n *narrator) show(i item, lead string) error {
	n.shown, _, _ = strings.Cut(i.text, " ")
	switch n.style {
	case styleVerbose:
		return n.print(lead + i.text + "\n")
	case styleJSON:
		return n.print(marker + lead + i.text + "\n")
	}
	return nil
}

// log prints lines that belong to a test, or keeps them until it fails.
func (n *narrator) log(name, text string) error {
	switch n.style {
	case styleQuiet:
		if test := n.nodes[name]; test != nil {
			test.text += text
			return nil
		}
	case styleVerbose:
		if n.shown != "" && n.shown != name {
			text = "=== NAME  " + name + "\n" + text
		}
		n.shown = name
	case styleJSON:
	}
	return n.print(text)
}

// add is log for lines that are not the test's own.
func (n *narrator) add(name, text string) error {
	if text == "" {
		return nil
	}
	if n.style == styleJSON && n.name != name {
		n.name = name
		text = marker + "=== NAME  " + name + "\n" + indent(text)
		return n.print(text)
	}
	return n.log(name, indent(text))
}

func indent(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString("    " + line)
	}
	return b.String()
}

func (n *narrator) print(text string) error { return output(n.w, []byte(text)) }

// end tells how a test has ended, which the kernel's log may know better.
func (n *narrator) end(i item) error {
	name, took := i.text, ""
	if at := strings.LastIndex(name, " ("); at >= 0 {
		name, took = name[:at], name[at:]
	}
	test := n.nodes[name]
	if test == nil { // of which no beginning was seen
		test = &node{name: name, parent: n.around(name), number: -1}
	}
	if s := n.course.ended[n.mark]; s != nil && s.name == inside.MarkedName(name) {
		n.told[s] = true
		if err := n.blame(test, s); err != nil {
			return err
		}
	}
	n.name = name
	return n.conclude(test, i.what, took)
}

// conclude prints the last line of a test.
func (n *narrator) conclude(test *node, result, took string) error {
	delete(n.nodes, test.name)
	if test.number >= 0 {
		n.ended[test.number] = true
	}
	if test.parent != nil {
		test.parent.over = append(test.parent.over, test.name)
	}
	if test.failed {
		result = "--- FAIL"
	}
	if result == "--- FAIL" {
		n.failed = true
		for p := test.parent; p != nil; p = p.parent {
			p.failed = true
		}
	} else if n.style == styleQuiet {
		return nil
	}
	block := result + ": " + test.name + took + "\n" + test.text
	switch {
	case n.style == styleJSON:
		return n.print(marker + block)
	case test.parent != nil:
		test.parent.text += indent(block)
		return nil
	}
	n.shown = test.name
	return n.print(block)
}

// open returns the tests that have begun and not ended, those around others
// first.
func (n *narrator) open() []*node {
	names := slices.Sorted(maps.Keys(n.nodes))
	nodes := make([]*node, len(names))
	for i, name := range names {
		nodes[i] = n.nodes[name]
	}
	return nodes
}
