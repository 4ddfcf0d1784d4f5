// SPDX-License-Identifier: BSD-3-Clause

package main

import "strings"

// A fate is what becomes of a mutant.
type fate int

// The fates.
const (
	broken     fate = iota // it could not be tried
	killed                 // the suite noticed it
	survived               // it did not
	equivalent             // it did not, and there is nothing to notice
	waiting                // there is no kernel on which it can be noticed
)

// String is the word that a result begins with.
func (f fate) String() string {
	return [...]string{broken: "ERROR", killed: "killed", survived: "SURVIVED", equivalent: "equivalent", waiting: "waits"}[f]
}

// What the harness's verdicts begin with, or have in them, if they say nothing
// of the mutant.
const (
	hostBroke    = "host side broke: "
	doesNotBuild = " does not build against "
)

// kernelFault begins the harness's verdict on a kernel that reported a fault.
const kernelFault = "kernel fault: "

// timedOut begins what the testing package says of a test that takes too long.
const timedOut = "panic: test timed out after "

// judge tells what became of a mutant, and why: for one that was killed, the
// first reason is what noticed it first. There is always one, but for one that
// survived.
func judge(o outcome) (fate, []string) {
	switch {
	case o.passed:
		return survived, nil
	case strings.HasPrefix(o.verdict, hostBroke) || strings.Contains(o.verdict, doesNotBuild):
		return broken, []string{o.verdict}
	case len(o.killers) == 0 && o.verdict == "":
		return broken, []string{"the suite failed, but no test said why"}
	}
	var reasons []string
	for _, k := range o.killers {
		if strings.HasPrefix(k.message, timedOut) && strings.HasPrefix(o.verdict, kernelFault) {
			o.running = k.test // it waited for a kernel that was broken by then
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
		verdict = o.running + " was cut short by " + verdict
	}
	return killed, []string{verdict}
}

// judgeOf tells what became of a mutant, and why, in the light of what its patch says.
func judgeOf(m mutant, o outcome) (fate, []string) {
	f, reasons := judge(o)
	switch {
	case f == survived && m.equivalent != "":
		return equivalent, []string{m.equivalent}
	case f == survived:
		return survived, []string{"although it breaks: " + m.breaks}
	case f == killed && m.equivalent != "":
		return broken, []string{"it is not equivalent: " + reasons[0]}
	}
	return f, reasons
}
