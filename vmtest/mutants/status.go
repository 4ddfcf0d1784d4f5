// SPDX-License-Identifier: BSD-3-Clause

package main

import "strings"

// A status is the result of trying a mutant.
type status int

const (
	broken     status = iota // the mutant could not be tried
	killed                   // a test failed, or the kernel reported a fault
	survived                 // the suite passed
	equivalent               // the suite passed, and the mutant breaks nothing
	waiting                  // the kernel that it requires has not been built
)

// String returns the first word of the mutant's result line.
func (s status) String() string {
	return [...]string{broken: "ERROR", killed: "killed", survived: "SURVIVED", equivalent: "equivalent", waiting: "waits"}[s]
}

// Parts of those verdicts of the harness that do not depend on the mutant's
// behaviour: the beginning of one, the middle of the other.
const (
	hostBroke    = "host side broke: "
	doesNotBuild = " does not build against "
)

// kernelFault begins the harness's verdict if the kernel reported a fault.
const kernelFault = "kernel fault: "

// timedOut begins the testing package's message for a test that takes too long.
const timedOut = "panic: test timed out after "

// judge returns the status of a mutant and the reasons for it. The first reason
// for a killed mutant is the test or fault that came first. A survivor has no
// reason; every other status has at least one.
func judge(o outcome) (status, []string) {
	switch {
	case o.passed:
		return survived, nil
	case strings.HasPrefix(o.verdict, hostBroke) || strings.Contains(o.verdict, doesNotBuild):
		return broken, []string{o.verdict}
	case len(o.killers) == 0 && o.verdict == "":
		return broken, []string{"the suite failed, but no test printed a reason"}
	}
	var reasons []string
	for _, k := range o.killers {
		if strings.HasPrefix(k.message, timedOut) && strings.HasPrefix(o.verdict, kernelFault) {
			o.running = k.test // it waited for a kernel that had already reported a fault
			continue
		}
		reasons = append(reasons, k.test+": "+k.message)
	}
	if o.verdict == "" {
		return killed, reasons
	}
	if len(reasons) > 0 {
		reasons[0] += " (and then " + o.verdict + ")"
		return killed, reasons
	}
	verdict := o.verdict
	if fault, ok := strings.CutPrefix(verdict, kernelFault); ok {
		verdict = "the kernel: " + fault
	}
	if o.running != "" {
		verdict = o.running + " was interrupted by " + verdict
	}
	return killed, []string{verdict}
}

// judgeOnSibling returns the status of m and the reasons for it, after it was
// killed on its own kernel for reasons. The outcome is that of the same tests on
// the kernel where they must pass.
func judgeOnSibling(m mutant, o outcome, reasons []string) (status, []string) {
	s, others := judge(o)
	switch s {
	case survived:
		return killed, reasons
	case killed:
		return broken, []string{"it needs no kernel " + m.kernel + ": on " + m.sibling() + ", " + others[0]}
	}
	return s, others
}

// judgeOf returns the status of m and the reasons for it, and takes account of
// whether its patch says that it is equivalent.
func judgeOf(m mutant, o outcome) (status, []string) {
	s, reasons := judge(o)
	switch {
	case s == survived && m.equivalent != "":
		return equivalent, []string{m.equivalent}
	case s == survived:
		return survived, []string{"although it breaks: " + m.breaks}
	case s == killed && m.equivalent != "":
		return broken, []string{"it is not equivalent: " + reasons[0]}
	}
	return s, reasons
}
