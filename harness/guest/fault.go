package guest

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/kmodtest/kmodtest/harness/internal/inside"
)

// maxPattern is the longest pattern, in bytes: it has to go into a record of the
// kernel's log.
const maxPattern = 500

// AllowKernelLog lets the kernel report faults during the test, from here to its
// end, of which the title or a line of the report matches pattern, a regular
// expression. Without it the test fails. It holds for subtests, too; where tests
// run in parallel, one that allows a fault allows it to all. A pattern that is no
// regular expression, is longer than 500 bytes or has more than one line ends
// the test.
//
// While go test -fuzz tries inputs it is for the *testing.F, and ends an input
// that calls it with its *testing.T.
func AllowKernelLog(tb testing.TB, pattern string) {
	tb.Helper()
	mark(tb, pattern, inside.MarkAllow, inside.MarkedName(tb.Name()), pattern)
	if fuzzes() {
		if _, ok := tb.(*testing.T); ok {
			tb.Fatal("AllowKernelLog is for the *testing.F while it fuzzes: nothing tells where an input ends")
		}
		allowedFaults = append(allowedFaults, regexp.MustCompile(pattern))
	}
}

// ExpectKernelFault is for a test that must break the kernel: it passes only if
// the kernel reports a fault from here to its end, and fails otherwise as it
// does by Error. The fault may be the end of the machine: the tests that are
// left then run in another one, and what the test had reported by Error before
// does not count.
//
// kind is one of those in docs/faults.md, such as "warning" or "kasan", or ""
// for any; pattern is a regular expression, which the title or a line of the
// report has to match. Other faults fail the test. It may be called several
// times: then each is expected, in any order. A kind that does not exist never
// comes; a bad pattern ends the test.
func ExpectKernelFault(tb testing.TB, kind, pattern string) {
	tb.Helper()
	if _, ok := tb.(*testing.B); ok {
		tb.Fatal("ExpectKernelFault is for tests: nothing tells how a benchmark ends")
	}
	if kind == "" {
		kind = "*"
	}
	if strings.ContainsAny(kind, " \n") {
		tb.Fatalf("%q is no kind of fault", kind)
	}
	mark(tb, pattern, inside.MarkExpect, inside.MarkedName(tb.Name()), kind, pattern)
}

// mark leaves a mark with a pattern in the kernel's log.
func mark(tb testing.TB, pattern, verb string, words ...string) {
	tb.Helper()
	require(tb)
	if _, err := regexp.Compile(pattern); err != nil {
		tb.Fatal(err)
	}
	if len(pattern) > maxPattern || strings.Contains(pattern, "\n") {
		tb.Fatalf("a pattern may have %d bytes and one line: %q", maxPattern, pattern)
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
