package annotations

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/kmodtest/kmodtest/harness/internal/report"
)

// sources makes a repository with a module and a package of tests.
func sources(t *testing.T) Sources {
	t.Helper()
	root := t.TempDir()
	for _, name := range []string{"kmod/handlers.c", "vmtest/set_test.go", "vmtest/get,100%: all_test.go"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(root, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, name), []byte("\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return Sources{Root: root, Dirs: map[string]string{"example.org/vmtest": filepath.Join(root, "vmtest")}}
}

func badRun(kernel string, state report.State, tests ...report.Test) report.Run {
	return report.Run{Kernel: kernel, Package: "example.org/vmtest", State: state, Title: "it failed", Tests: tests}
}

// commands returns the lines that GitHub's runner takes for commands, by the rules of its parser.
func commands(log string) []string {
	var all []string
	for line := range strings.Lines(strings.ReplaceAll(log, "\r", "\n")) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "::") || strings.Contains(line, "##[") {
			all = append(all, line)
		}
	}
	return all
}

func TestAnnotationsPointToSources(t *testing.T) {
	from := sources(t)
	module := filepath.Join(from.Root, "kmod/handlers.c")
	for _, test := range []struct {
		what, want string
		run        report.Run
	}{
		{
			"the last message of a failed test",
			"::error file=vmtest/set_test.go,line=53,title=TestSet failed on Linux 6.1::    set_test.go:50: begins%0A    set_test.go:53: got 100%25%0A      more",
			badRun("6.1", report.Failed, report.Test{Name: "TestSet", State: report.Failed, Output: "    set_test.go:50: begins\n    set_test.go:53: got 100%\n      more\n"}),
		},
		{
			"the module's line of a fault",
			"::error file=kmod/handlers.c,line=27,title=TestSet caused a kernel fault on Linux 6.1::    set_test.go:9: first%0A    kernel fault (BUG)",
			badRun("6.1", report.Fault, report.Test{
				Name: "TestSet", State: report.Fault,
				Output: "    set_test.go:9: first\n    kernel fault (BUG): it broke\n        /usr/src/linux/net.c:5: in set\n        " + module + ":27: in set\n",
			}),
		},
		{
			"a module that does not build",
			"::error file=kmod/handlers.c,line=3,title=example.org/vmtest failed on Linux 6.1::it failed%0Amake: begins",
			report.Run{Kernel: "6.1", Package: "example.org/vmtest", State: report.Failed, Title: "it failed", Raw: "make: begins\n" + module + ":3:1: error: no\n"},
		},
		{
			"tests that do not compile",
			"::error file=vmtest/set_test.go,line=4,title=example.org/vmtest failed on Linux 6.1::it failed%0A./set_test.go:4:2: no",
			report.Run{Kernel: "6.1", Package: "example.org/vmtest", State: report.Failed, Title: "it failed", Raw: "./set_test.go:4:2: no\n"},
		},
		{
			"the subtest that failed",
			"::error file=vmtest/set_test.go,line=7,title=TestSet/a%2Cb%3Ac failed on Linux 6.1::set_test.go:7: x",
			badRun("6.1", report.Failed, report.Test{Name: "TestSet", State: report.Failed}, report.Test{Name: "TestSet/a,b:c", State: report.Failed, Output: "set_test.go:7: x\n"}),
		},
		{
			"a file that does not exist",
			"::error title=TestSet failed on Linux 6.1::gone_test.go:7: x",
			badRun("6.1", report.Failed, report.Test{Name: "TestSet", State: report.Failed, Output: "gone_test.go:7: x\n"}),
		},
		{
			"a file of the host, named by a guest",
			"::error title=TestSet caused a kernel fault on Linux 6.1::kernel fault (BUG): x%0A    /etc/passwd:1: in set%0A    " + from.Root + "/vmtest/../../x:1: in set",
			badRun("6.1", report.Fault, report.Test{
				Name: "TestSet", State: report.Fault,
				Output: "kernel fault (BUG): x\n    /etc/passwd:1: in set\n    " + from.Root + "/vmtest/../../x:1: in set\n",
			}),
		},
		{
			"a name that must be escaped",
			"::error title=TestSet failed on Linux 6.1::get,100%25: all_test.go:7: x",
			badRun("6.1", report.Failed, report.Test{Name: "TestSet", State: report.Failed, Output: "get,100%: all_test.go:7: x\n"}),
		},
		{"a run without tests", "::error title=example.org/vmtest did not end on Linux 6.1::it failed", badRun("6.1", report.Broken)},
	} {
		rep := report.Report{Kernels: []report.Kernel{{Name: "6.1"}}, Packages: []string{test.run.Package}, Runs: []report.Run{test.run}}
		got := commands(from.Workflow(&rep))
		if len(got) != 3 || !strings.HasPrefix(got[2], test.want) {
			t.Errorf("%s:\ngot  %q\nwant %q", test.what, got, test.want)
		}
	}
}

func TestAnnotationsAreLimitedAndMerged(t *testing.T) {
	rep := report.Report{Kernels: []report.Kernel{{Name: "6.1"}, {Name: "6.12"}}, Packages: []string{"example.org/vmtest"}}
	for _, kernel := range rep.Kernels {
		run := badRun(kernel.Name, report.Fault)
		for i := range 15 {
			run.Tests = append(run.Tests, report.Test{Name: fmt.Sprintf("Test%d", i), State: report.Failed, Output: strings.Repeat("x", 100_000)})
		}
		run.Tests = append(run.Tests, report.Test{Name: "TestLast", State: report.Fault})
		rep.Runs = append(rep.Runs, run)
	}
	var errs, warnings []string
	for _, line := range commands(Sources{}.Workflow(&rep)) {
		if strings.HasPrefix(line, "::error ") {
			errs = append(errs, line)
		} else if strings.HasPrefix(line, "::warning ") {
			warnings = append(warnings, line)
		}
		if len(line) > 2*messageLimit {
			t.Errorf("a command has %d bytes", len(line))
		}
	}
	if len(errs) != annotationLimit || !strings.HasPrefix(errs[0], "::error title=TestLast caused a kernel fault on Linux 6.1%2C 6.12::") {
		t.Errorf("%d errors, the first is %.100s", len(errs), errs[0])
	}
	if len(warnings) != 1 || !strings.Contains(warnings[0], "::6 failures not shown") {
		t.Errorf("got warnings %q", warnings)
	}
}

func TestWorkflowHasNoCommandOfGuest(t *testing.T) {
	const hostile = "::add-mask::a\n  ::stop-commands::x\r::error::b\r\n\u00a0::set-output name=a::b\n##[error]c\nx##[add-path]d\n%0A::error::e\n"
	rep := report.Report{Kernels: []report.Kernel{{Name: "6.1"}}, Packages: []string{"example.org/vmtest"}}
	run := badRun("6.1", report.Failed, report.Test{Name: "TestA/" + hostile, State: report.Failed, Output: hostile}, report.Test{Name: "::x::", State: report.Fault, Output: hostile})
	run.Title, run.Raw, run.Advice, run.Output = hostile, hostile, hostile, hostile
	rep.Runs = append(rep.Runs, run)
	ours := regexp.MustCompile(`^::(group::Linux 6\.1|endgroup::|error title=[^:]* on Linux 6\.1::)`)
	text := sources(t).Workflow(&rep)
	found := commands(text)
	if len(found) != 4 {
		t.Errorf("%d commands, want 4:\n%s", len(found), text)
	}
	for _, line := range found {
		if !ours.MatchString(line) || strings.Contains(line, "##[") {
			t.Errorf("a command that is not ours: %q", line)
		}
	}
}

func TestAllowedFailureIsNoError(t *testing.T) {
	run := badRun("7-next", report.Failed, report.Test{Name: "TestIt", State: report.Failed})
	rep := report.Report{Kernels: []report.Kernel{{Name: "7-next"}}, Packages: []string{run.Package}, Runs: []report.Run{run}}
	if text := (Sources{}).Workflow(&rep); !strings.Contains(text, "::error ") {
		t.Errorf("a failure is no error:\n%s", text)
	}
	rep.Runs[0].Allowed = "not released (until 2030-06-30)"
	if text := (Sources{}).Workflow(&rep); strings.Contains(text, "::error") {
		t.Errorf("an allowed failure is an error:\n%s", text)
	}
}
