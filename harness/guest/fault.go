package guest

import (
	"cmp"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/kmodtest/kmodtest/harness/internal/inside"
)

// maxPattern is the longest pattern in bytes: it has to fit into a record of the kernel
// log.
const maxPattern = 500

// AllowKernelLog permits kernel faults from this call to the end of the test, if pattern,
// a regular expression, matches the title or a line of the fault report. Without it such
// a fault fails the test. It applies to subtests as well. If tests run in parallel, a
// fault that one of them allows is allowed for all of them. A pattern that is not a
// regular expression, is longer than 500 bytes or has more than one line ends the test.
//
// While go test -fuzz generates inputs, call it with the *testing.F. A call with the
// *testing.T of an input fails that input.
func AllowKernelLog(tb testing.TB, pattern string) {
	tb.Helper()
	mark(tb, pattern, inside.MarkAllow, inside.MarkedName(tb.Name()), pattern)
	if fuzzes() {
		if _, ok := tb.(*testing.T); ok {
			tb.Fatal("AllowKernelLog: call it with the *testing.F while fuzzing: the kernel log does not show where an input ends")
		}
		allowedFaults = append(allowedFaults, regexp.MustCompile(pattern))
	}
}

// ExpectKernelFault is for a test that has to break the kernel. The test passes only if
// the kernel reports a matching fault between this call and the end of the test; other
// faults fail the test. The fault may end the machine: then the remaining tests run in
// another one, and failures that the test reported before with Error do not count.
//
// kind is a fault kind of docs/faults.md, such as "warning" or "kasan", or "" for any
// kind. An unknown kind never matches. pattern is a regular expression that has to match
// the title or a line of the fault report; a pattern that is not valid ends the test, as
// for AllowKernelLog. After several calls each fault is expected, in any order. A call
// with a *testing.B ends the benchmark.
func ExpectKernelFault(tb testing.TB, kind, pattern string) {
	tb.Helper()
	if _, ok := tb.(*testing.B); ok {
		tb.Fatal("ExpectKernelFault does not support benchmarks")
	}
	kind = cmp.Or(kind, "*")
	if strings.ContainsAny(kind, " \n") {
		tb.Fatalf("ExpectKernelFault: %q is not a fault kind", kind)
	}
	mark(tb, pattern, inside.MarkExpect, inside.MarkedName(tb.Name()), kind, pattern)
}

// mark checks pattern and writes a mark into the kernel log.
func mark(tb testing.TB, pattern, verb string, words ...string) {
	tb.Helper()
	require(tb)
	if _, err := regexp.Compile(pattern); err != nil {
		tb.Fatal(err)
	}
	if len(pattern) > maxPattern || strings.Contains(pattern, "\n") {
		tb.Fatalf("the pattern %q has more than %d bytes or more than one line", pattern, maxPattern)
	}
	word, err := os.ReadFile(inside.MarkFile)
	if err != nil {
		tb.Fatal(err)
	}
	marks, err := inside.NewMarker(inside.KernelLog, string(word))
	if err != nil {
		tb.Fatalf("open kernel log: %v", err)
	}
	err = marks.Write(verb, words...)
	_ = marks.Close()
	if err != nil {
		tb.Fatalf("write to the kernel log: %v", err)
	}
}
