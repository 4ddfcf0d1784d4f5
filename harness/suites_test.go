package harness_test

import (
	"regexp"
	"testing"
)

// suites runs suites of testdata/modules/suites, and checks results of its subtests.
func suites(t *testing.T, env, args []string, want map[string]string) (out string) {
	t.Helper()
	c := newCommand(t, env, binary(t, "suites"), append([]string{"-test.v"}, args...)...)
	c.status(t) // the results of the tests are checked one by one
	out = c.stdout.String()
	got := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^ *--- (PASS|FAIL|SKIP): (\S+) `).FindAllStringSubmatch(out, -1) {
		got[m[2]] = m[1]
	}
	for test, result := range want {
		if got[test] != result {
			t.Errorf("%s: %q, want %s", test, got[test], result)
		}
	}
	if len(got) != len(want) {
		t.Errorf("there are %d results, want %d", len(got), len(want))
	}
	if t.Failed() {
		t.Log(out, c.stderr.String())
	}
	return out
}

// TestSuitesInKernelLogAreSubtests reads what a module prints as KUnit does, on a kernel
// without KUnit.
func TestSuitesInKernelLogAreSubtests(t *testing.T) {
	t.Parallel()
	out := suites(t, nil, []string{"-test.run=Printed|After"}, map[string]string{
		"TestPrinted": "FAIL", "TestPrinted/first": "FAIL", "TestPrinted/first/passes": "PASS", "TestPrinted/first/fails": "FAIL",
		"TestPrinted/first/skips": "SKIP", "TestPrinted/second": "PASS", "TestPrinted/second/passes": "PASS", "TestPrinted/second/breaks": "PASS",
		"TestAfter": "PASS",
	})
	for _, want := range []string{`fails: EXPECTATION FAILED at prints\.c:1\n`, `(?m)^ +\S+:\d+: there is no device$`} {
		if !regexp.MustCompile(want).MatchString(out) {
			t.Errorf("the output lacks %s\n%s", want, out)
		}
	}
}

func TestOneCaseOfSuiteIsReported(t *testing.T) {
	t.Parallel()
	suites(t, nil, []string{"-test.run=^TestPrinted$/^first$/^passes$"}, map[string]string{
		"TestPrinted": "PASS", "TestPrinted/first": "PASS", "TestPrinted/first/passes": "PASS",
	})
}

func TestSuiteThatBreaksKernelFails(t *testing.T) {
	t.Parallel()
	out := suites(t, []string{"SUITES_DEADLY=1"}, []string{"-test.run=Printed|After"}, map[string]string{"TestPrinted": "FAIL", "TestAfter": "PASS"})
	if !regexp.MustCompile(`(?s)=== RUN   TestPrinted\n.*kernel fault \(null-dereference\).*--- FAIL: TestPrinted`).MatchString(out) {
		t.Errorf("the output of the test has no fault:\n%s", out)
	}
}
