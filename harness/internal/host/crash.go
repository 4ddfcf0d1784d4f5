package host

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/kmodtest/kmodtest/harness/internal/inside"
)

// crash tells how the tests have ended that a machine took along: those that ran
// fail, unless they expected it. The others are as if they had not begun, but for those around the ones that ran, which go on in the next
// machine behind what has ended. Nothing may have been left to flush.
func (n *narrator) crash(d death) error {
	if err := n.recover(); err != nil {
		return err
	}
	for _, s := range n.course.running() {
		test := n.nodeOf(s.name)
		if err := n.perish(test, s, d); err != nil {
			return err
		}
	}
	for _, s := range n.course.begun {
		if test := n.named(s.name); test != nil {
			test.met = append(test.met, s.gotten()...)
		}
	}
	for _, s := range n.course.begun {
		// One that waited for its turn will begin anew.
		if test := n.named(s.name); test != nil && s.paused && len(test.over) == 0 {
			delete(n.nodes, test.name)
		}
	}
	return nil
}

// recover tells of tests of which the kernel's log has the end, but not standard
// output.
func (n *narrator) recover() error {
	var numbers []uint64
	for number, s := range n.course.ended {
		if !n.told[s] && s.result != "-" {
			numbers = append(numbers, number)
		}
	}
	slices.Sort(numbers)
	for _, number := range numbers {
		s := n.course.ended[number]
		test := n.nodeOf(s.name)
		if s.result == "FAIL" {
			if err := n.add(test.name, "what the test had logged last was lost with the machine\n"); err != nil {
				return err
			}
		}
		n.mark = number
		if err := n.end(item{what: "--- " + s.result, text: test.name + " (" + s.took + ")"}); err != nil {
			return err
		}
	}
	return nil
}

// perish ends a test that ran when its machine died.
func (n *narrator) perish(test *node, s *stay, d death) error {
	faults, unmet := n.course.verdict(s)
	wanted := d.ofKernel && s.got() && len(faults)+len(unmet) == 0
	if err := n.blame(test, s); err != nil {
		return err
	}
	result := "--- PASS"
	if !wanted {
		result = "--- FAIL"
		reason := d.reason + "\n"
		if len(faults) > 0 {
			reason = ""
		}
		if err := n.add(test.name, reason+d.account); err != nil {
			return err
		}
	}
	n.name = test.name
	again := n.past[test.identity()]
	n.past[test.identity()] = true
	if err := n.conclude(test, result, test.took()); err != nil {
		return err
	}
	if again { // it has made no progress: nor will the tests around it
		return n.abandon(test.parent)
	}
	return nil
}

// identity tells the test from others of that name, which -test.count makes.
func (test *node) identity() string {
	top := test
	for top.parent != nil {
		top = top.parent
	}
	return fmt.Sprintf("%d %s", top.number, test.name)
}

// abandon ends a test and those around it, of which the rest can not be reached.
func (n *narrator) abandon(test *node) error {
	for ; test != nil; test = test.parent {
		if err := n.conclude(test, "--- FAIL", test.took()); err != nil {
			return err
		}
	}
	return nil
}

// cutShort ends the tests around those that failed, where no machine goes on with
// them.
func (n *narrator) cutShort() error {
	for _, test := range slices.Backward(n.open()) { // those inside others first
		if !test.failed {
			continue
		}
		if err := n.conclude(test, "--- FAIL", test.took()); err != nil {
			return err
		}
	}
	return nil
}

// took is how long the test has run so far, as the testing package prints it.
func (test *node) took() string { return fmt.Sprintf(" (%.2fs)", time.Since(test.began).Seconds()) }

// named returns the test that has that name in marks, or nil.
func (n *narrator) named(marked string) *node {
	for _, test := range n.open() {
		if inside.MarkedName(test.name) == marked {
			return test
		}
	}
	return nil
}

// nodeOf is named; where the beginning has not been told, it is now.
func (n *narrator) nodeOf(marked string) *node {
	if test := n.named(marked); test != nil {
		return test
	}
	test := &node{name: marked, parent: n.around(marked), number: -1, began: time.Now()}
	if test.parent == nil && isTest(marked) {
		test.number = n.next()
	}
	n.nodes[marked] = test
	// What can not be written shows with the next line.
	_ = n.show(item{what: "=== RUN", text: marked}, "=== RUN   ")
	return test
}

// next is the number of a top-level test whose start was lost with the machine.
func (n *narrator) next() int {
	for n.ended[n.starts] { // in a machine before, so it was passed over
		n.starts++
	}
	n.starts++
	return n.starts - 1
}

// part is what one machine is to run of the tests.
type part struct {
	turns string // as inside.TurnsVariable has it
	skip  string // a pattern, beside the user's own
}

// rest returns what is left for other machines: what is left of each test of
// which subtests have ended, and all that has not begun.
func (n *narrator) rest() []part {
	var parts []part
	over := n.ended
	for _, test := range n.open() {
		if test.parent != nil || test.number < 0 {
			continue
		}
		parts = append(parts, part{turns: fmt.Sprintf("only %d", test.number), skip: n.skips(test)})
		over[test.number] = true
	}
	if len(over) == 0 {
		return append(parts, part{})
	}
	var numbers []string
	for number := range over {
		numbers = append(numbers, fmt.Sprint(number))
	}
	slices.SortFunc(numbers, func(a, b string) int { return cmp.Or(len(a)-len(b), strings.Compare(a, b)) })
	return append(parts, part{turns: "but " + strings.Join(numbers, ",")})
}

// skips is a pattern for the subtests of a test that have ended.
func (n *narrator) skips(test *node) string {
	var patterns []string
	for _, t := range n.open() {
		if t != test && !strings.HasPrefix(t.name, test.name+"/") {
			continue
		}
		for _, name := range t.over {
			var levels []string
			for level := range strings.SplitSeq(name, "/") {
				levels = append(levels, "^"+regexp.QuoteMeta(level)+"$")
			}
			patterns = append(patterns, strings.Join(levels, "/"))
		}
	}
	return strings.Join(patterns, "|")
}
