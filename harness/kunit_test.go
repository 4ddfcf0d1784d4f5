//go:build faults

package harness_test

import (
	"regexp"
	"testing"
)

// TestKUnitSuitesAreSubtests runs suites of KUnit in the kernel debug.
func TestKUnitSuitesAreSubtests(t *testing.T) {
	const kernel = "KMODTEST_KERNEL=debug"
	out := suites(t, []string{kernel}, []string{"-test.run=KUnit|After"}, map[string]string{
		"TestKUnit": "FAIL", "TestKUnit/first": "FAIL", "TestKUnit/first/suites_passes": "PASS", "TestKUnit/first/suites_fails": "FAIL",
		"TestKUnit/first/suites_skips": "SKIP", "TestKUnit/second": "PASS", "TestKUnit/second/suites_passes": "PASS",
		"TestKUnit/second/suites_breaks": "PASS", "TestAfter": "PASS",
	})
	if !regexp.MustCompile(`EXPECTATION FAILED at \S*suites\.c:\d+`).MatchString(out) {
		t.Errorf("the output has no log of the case that fails:\n%s", out)
	}
	suites(t, []string{kernel, "SUITES_DEADLY=1"}, []string{"-test.run=^TestKUnit$/^first$/^suites_passes$"}, map[string]string{
		"TestKUnit": "PASS", "TestKUnit/first": "PASS", "TestKUnit/first/suites_passes": "PASS",
	})
	out = suites(t, []string{kernel, "SUITES_DEADLY=1"}, []string{"-test.run=KUnit|After"}, map[string]string{"TestKUnit": "FAIL", "TestAfter": "PASS"})
	disabled := suites(t, []string{kernel, "SUITES_DISABLED=1"}, []string{"-test.run=KUnit"}, map[string]string{"TestKUnit": "FAIL"})
	if !regexp.MustCompile(`add kunit\.enable=1 and kunit\.autorun=1 to harness\.Config\.KernelArgs`).MatchString(disabled) {
		t.Errorf("the output does not say how to enable KUnit:\n%s", disabled)
	}
	if !regexp.MustCompile(`suites_breaks`).MatchString(out) {
		t.Errorf("the fault does not name the case:\n%s", out)
	}
}
