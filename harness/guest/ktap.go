package guest

import (
	"io"
	"strings"
	"testing"

	"github.com/kmodtest/kmodtest/harness/internal/ktap"
)

// KTAP reads results in the kernel's format KTAP, or in TAP, and makes each case a
// subtest of t: with its diagnostic lines as its log, as failed, skipped or passed. Cases
// in cases are subtests of subtests, so -run can choose one. A case that is to do ("#
// TODO") passes if it fails. t fails if the output has no result, or ends before all
// planned results: the program has crashed. The names of subtests are those of the cases;
// a case without a name has its number.
//
// The format is described in Documentation/dev-tools/ktap.rst of the kernel. r may have
// other lines, as a kernel log has; they belong to the case whose result comes next. The
// time at the beginning of a line, as in the kernel log, is ignored.
func KTAP(t *testing.T, r io.Reader) {
	t.Helper()
	all, err := ktap.Read(r)
	if err != nil {
		t.Fatalf("KTAP: %v", err)
	}
	if len(all.Cases) == 0 && all.Broken == "" {
		t.Fatalf("KTAP: there is no result in the output%s", endOf(all.Log))
	}
	reportCase(t, all)
}

// endOf returns the last lines of a log, for a message.
func endOf(log []string) string {
	if len(log) == 0 {
		return ""
	}
	return ":\n" + strings.Join(log[max(0, len(log)-10):], "\n")
}

// reportCase reports the result of a case as that of t.
func reportCase(t *testing.T, c *ktap.Case) {
	t.Helper()
	for _, sub := range c.Cases {
		t.Run(sub.Name, func(t *testing.T) { reportCase(t, sub) })
	}
	if len(c.Log) > 0 {
		t.Logf("%s", strings.Join(c.Log, "\n"))
	}
	switch {
	case c.Broken != "":
		t.Error(c.Broken)
	case c.Skip:
		t.Skip(c.Reason)
	case c.Todo && c.OK:
		t.Logf("to do: %s (it passes)", c.Reason)
	case c.Todo:
		t.Logf("to do: %s (it fails)", c.Reason)
	case !c.OK && !c.AnyFails():
		t.Error("the case has failed")
	}
}
