// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kmodtest/kmodtest/images/arch"
)

// Each file in testdata holds the events of one run of the suite.
func TestJudgeOfRealRuns(t *testing.T) {
	for _, c := range []struct {
		file   string
		status status
		reason []string // parts of the first reason
	}{
		{"passed", survived, nil},
		{"failed", killed, []string{"TestSetRejectsLongMessage: set of 65 bytes: got nil, want EINVAL"}},
		{"subtest", killed, []string{"TestSetNeedsNetAdmin/none: set without capabilities: got nil, want EPERM"}},
		{"compile", broken, []string{"module ", " does not build against "}},
		{"load", killed, []string{"module socketopt does not load: "}},
		{"child", killed, []string{"TestUserNamespaceHasItsOwnNetAdmin: in the user namespace: exit status 1: ", "got EPERM, want nil"}},
		{"fault", killed, []string{"TestLoggedMessageCannotForgeLine", " was interrupted by the kernel: Kernel panic - not syncing: stack-protector"}},
		{"fault-later", killed, []string{"TestBaseInRangeOfIPTablesIsRefused: load with base=62 while ip_tables is loaded: got nil, want EBUSY (and then kernel fault: "}},
	} {
		t.Run(c.file, func(t *testing.T) {
			f, err := os.Open(filepath.Join("testdata", c.file+".json"))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			o, err := readOutcome(f)
			if err != nil {
				t.Fatal(err)
			}
			got, reasons := judge(o)
			if got != c.status || (len(reasons) > 0) != (c.status != survived) {
				t.Fatalf("got %v because of %q, want %v", got, reasons, c.status)
			}
			for _, want := range c.reason {
				if !strings.Contains(reasons[0], want) {
					t.Errorf("first reason: got %q, want %q in it", reasons[0], want)
				}
			}
		})
	}
}

// events returns the events of a run, built from pairs: a test and either its
// action or a line of its output.
func events(pairs ...string) string {
	var b strings.Builder
	for i := 0; i < len(pairs); i += 2 {
		action, output := pairs[i+1], ""
		if strings.ContainsAny(action, " :") {
			action, output = "output", pairs[i+1]
		}
		b.WriteString(`{"Action":"` + action + `","Test":"` + pairs[i] + `","Output":"` + output + `\n"}` + "\n")
	}
	return b.String()
}

func TestJudge(t *testing.T) {
	for _, c := range []struct {
		name, events string
		status       status
		reason       string
	}{
		{"nothing", "", broken, "the suite failed, but no test printed a reason"},
		{"a test that fails without a message", events("TestA", "run", "TestA", "fail", "", "fail"), broken, "the suite failed, but no test printed a reason"},
		{"a message of a passing test", events(
			"TestA", "run", "TestA", "    a_test.go:1: said", "TestA", "pass",
			"TestB", "run", "TestB", "    b_test.go:2: it broke", "TestB", "        in two lines", "TestB", "fail", "", "fail",
		), killed, "TestB: it broke"},
		{"several messages", events(
			"TestA", "run", "TestA/x", "run", "TestA/x", "    a_test.go:1: first", "TestA", "    a_test.go:2: second",
			"TestA", "fail", "TestA/x", "fail", "", "fail",
		), killed, "TestA/x: first"},
		{"a panic", events("TestA", "run", "TestA", "panic: oh no", "TestA", "goroutine 1 [running]:", "", "fail"), killed, "TestA: panic: oh no"},
		{
			"a lost machine", events("TestA", "run", "", "kmodtest: FAIL: guest down: silence", "", "fail"),
			killed, "TestA was interrupted by guest down: silence",
		},
		{
			"a leak", events("TestA", "run", "TestA", "pass", "", "kmodtest: FAIL: module m does not unload: EAGAIN", "", "fail"),
			killed, "module m does not unload: EAGAIN",
		},
		{
			"the host side", events("TestA", "run", "TestA", "    a_test.go:1: first", "", "kmodtest: FAIL: host side broke: no QEMU", "", "fail"),
			broken, "host side broke: no QEMU",
		},
	} {
		o, err := readOutcome(strings.NewReader(c.events))
		if err != nil {
			t.Fatal(err)
		}
		got, reasons := judge(o)
		if got != c.status || reasons[0] != c.reason {
			t.Errorf("%s: got %v, %q; want %v, %q", c.name, got, reasons, c.status, c.reason)
		}
	}
}

func TestEquivalentMutantsMustSurvive(t *testing.T) {
	m := mutant{equivalent: "it behaves the same"}
	noticed := outcome{killers: []killer{{"TestA", "it broke"}}}
	for _, c := range []struct {
		outcome outcome
		status  status
		reason  string
	}{
		{outcome{passed: true}, equivalent, "it behaves the same"},
		{noticed, broken, "it is not equivalent: TestA: it broke"},
		{outcome{}, broken, "the suite failed, but no test printed a reason"},
	} {
		if got, reasons := judgeOf(m, c.outcome); got != c.status || reasons[0] != c.reason {
			t.Errorf("got %v, %q; want %v, %q", got, reasons, c.status, c.reason)
		}
	}
}

func TestMutantOfAnotherArchitectureMustSurviveOnHosts(t *testing.T) {
	m := mutant{kernel: "6.1@s390x"}
	if arch.Host().Name == "s390x" {
		m.kernel = "6.1@amd64"
	}
	for _, c := range []struct {
		outcome outcome
		status  status
		reason  string
	}{
		{outcome{passed: true}, killed, "TestA: it broke"},
		{outcome{killers: []killer{{"TestB", "it broke, too"}}}, broken, "it needs no kernel " + m.kernel + ": on 6.1, TestB: it broke, too"},
		{outcome{verdict: "host side broke: no QEMU"}, broken, "host side broke: no QEMU"},
	} {
		if got, reasons := judgeOnSibling(m, c.outcome, []string{"TestA: it broke"}); got != c.status || reasons[0] != c.reason {
			t.Errorf("got %v, %q; want %v, %q", got, reasons, c.status, c.reason)
		}
	}
}

func TestReadOutcomeRejectsInvalidEvents(t *testing.T) {
	if _, err := readOutcome(strings.NewReader(events("TestA", "run") + "panic: no event")); err == nil {
		t.Error("events followed by other text: got no error")
	}
}
