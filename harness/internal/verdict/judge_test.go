package verdict

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// passed is the evidence of a run that passed.
func passed() Evidence {
	return Evidence{Greeted: true, Exit: &wire.Status{Finished: true}, Checks: &wire.Findings{}, Done: true}
}

// with returns the evidence of a run that passed, except for one change.
func with(change func(*Evidence)) Evidence {
	e := passed()
	change(&e)
	return e
}

// endedBy is the evidence of a conversation that err ended early.
func endedBy(err error) Evidence { return Evidence{Greeted: true, Err: err} }

func exited(status wire.Status) Evidence { return with(func(e *Evidence) { e.Exit = &status }) }

func found(findings wire.Findings) Evidence {
	return with(func(e *Evidence) { e.Checks = &findings })
}

func fault(title string) *Fault { return &Fault{Title: title, Report: "the report"} }

// rows are the rows of the table of verdicts in docs/architecture.md, by their
// first cells, each with evidence that the row decides.
var rows = map[string]map[string]*Failure{
	"a signal interrupted the run, or the go command that started it has ended": {
		"SIGINT": Judge(endedBy(&InterruptError{Signal: syscall.SIGINT})),
		"orphan": Judge(endedBy(&InterruptError{Signal: syscall.SIGINT, Orphan: true})),
		"with a fault": Judge(with(func(e *Evidence) {
			e.Err, e.Fault, e.Faulty = &InterruptError{Signal: syscall.SIGINT}, fault("BUG"), true
		})),
	},
	"the guest's first process died, which makes the kernel panic": {
		"killed": Judge(Evidence{Fault: &Fault{Title: "Kernel panic: Attempted to kill init!", InInit: true}, Faulty: true, Err: &EndError{}}),
	},
	"the kernel log, or the console of a kernel that died, shows a fault that no test expected: panic, oops, `BUG`, `WARNING`, " +
		"a report of a sanitizer, lockdep or RCU, a hung task": {
		"survived":                     Judge(with(func(e *Evidence) { e.Fault, e.Faulty = fault("WARNING"), true })),
		"died":                         Judge(Evidence{Greeted: true, Fault: fault("BUG"), Faulty: true, Err: &EndError{}}),
		"and the module does not load": Judge(Evidence{Greeted: true, Fault: fault("WARNING"), Faulty: true, Err: &LoadError{"m", "EIO"}}),
		"and a test failed": Judge(with(func(e *Evidence) {
			e.Fault, e.Faulty, e.Exit = fault("BUG"), true, &wire.Status{Code: 1, Finished: true}
		})),
	},
	"a module does not load": {
		"EIO": Judge(endedBy(&LoadError{"m", "input/output error"})),
	},
	"the machine was ended, because another one that ran the same test has failed": {
		"machine1": Judge(endedBy(&PeerError{"TestX/machine1"})),
	},
	"QEMU ended with an error": {
		"status 1": Judge(endedBy(&EndError{Err: errors.New("exit status 1")})),
		"killed":   Judge(endedBy(&EndError{Err: killed()})),
	},
	"the machine switched itself off, stopped responding, sent invalid data or exceeded its time before *done*": {
		"off before its first process": Judge(Evidence{Err: &EndError{}}),
		"off":                          Judge(endedBy(&EndError{})),
		"silent":                       Judge(endedBy(&SilenceError{"no sign of life"})),
		"invalid data":                 Judge(endedBy(&wire.GarbledError{Err: errors.New("record 77")})),
		"off during the checks":        Judge(with(func(e *Evidence) { e.Err, e.Checks, e.Done = &EndError{}, nil, false })),
	},
	"the channel to the guest broke, the guest did not report how the tests ended, or it could not start the test binary": {
		"broke off":   Judge(endedBy(errors.New("read: input/output error"))),
		"nothing":     Judge(Evidence{}),
		"no exit":     Judge(with(func(e *Evidence) { e.Exit = nil })),
		"no checks":   Judge(with(func(e *Evidence) { e.Checks = nil })),
		"no done":     Judge(with(func(e *Evidence) { e.Done = false })),
		"not started": Judge(Evidence{Greeted: true, Exit: &wire.Status{Error: "no space left on device"}}),
	},
	"the kernel's taint shows a warning, an oops, a bad page, a machine check or a soft lockup, and the log has no fault that taints the kernel": {
		"warning":           Judge(found(wire.Findings{Taint: []string{"warning (W)"}})),
		"and a test failed": Judge(with(func(e *Evidence) { e.Checks.Taint, e.Exit.Code = []string{"warning (W)"}, 1 })),
	},
	"the tests failed": {
		"FAIL":                              Judge(exited(wire.Status{Code: 7, Finished: true})),
		"and a module stays":                Judge(with(func(e *Evidence) { e.Exit.Code, e.Checks.Unload = 7, []string{"m: EBUSY"} })),
		"and the kernel warned as expected": Judge(with(func(e *Evidence) { e.Exit.Code, e.Faulty = 7, true })),
	},
	"a signal killed the test binary, or it exited with 0 before its tests had ended": {
		"SIGSEGV":              Judge(exited(wire.Status{Code: -1, Signal: 11})),
		"SIGKILL":              Judge(exited(wire.Status{Code: -1, Signal: 9})),
		"a test had failed":    Judge(with(func(e *Evidence) { e.Failed = "TestX" })),
		"a test had not ended": Judge(with(func(e *Evidence) { e.Running = []string{"TestX"} })),
		"os.Exit(0)":           Judge(exited(wire.Status{})),
	},
	"a module does not unload within 3 seconds": {
		"busy": Judge(found(wire.Findings{Unload: []string{"m: resource temporarily unavailable"}})),
	},
	"the kernel logged faster than its log could be read, or a file could not be sent back": {
		"lost records": Judge(found(wire.Findings{Errors: []string{"the kernel log was overwritten"}})),
	},
	"as many machines were used as `Config.Machines` allows, and some tests did not run": {
		"two machines": MachinesUsedUp(2),
	},
}

// killed returns the error of a process that SIGKILL ended.
func killed() error {
	cmd := exec.Command("sleep", "60")
	if err := cmd.Start(); err != nil {
		panic(err)
	}
	_ = cmd.Process.Kill()
	return cmd.Wait()
}

// documented returns the kinds and statuses in docs/architecture.md, by the first
// cells of the table of verdicts.
func documented(t *testing.T) map[string][2]string {
	t.Helper()
	text, err := os.ReadFile("../../../docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, ok := strings.Cut(string(text), "| what happened | kind | exit status |\n|---|---|---|\n")
	if !ok {
		t.Fatal("docs/architecture.md has no table of verdicts")
	}
	all := map[string][2]string{}
	for line := range strings.Lines(table) {
		cells := strings.Split(strings.Trim(line, "| \n"), " | ")
		if len(cells) != 3 {
			break
		}
		all[cells[0]] = [2]string{cells[1], cells[2]}
	}
	return all
}

func TestEachRowOfTheTableIsJudgedAsDocumented(t *testing.T) {
	t.Parallel()
	table := documented(t)
	for row := range table {
		if len(rows[row]) == 0 {
			t.Errorf("no evidence here for the documented row %q", row)
		}
	}
	statuses := map[string]int{"128 + the signal's number": 130, "69": 69, "255": 255, "1": 1, "that of the tests": 7}
	for row, cases := range rows {
		want, ok := table[row]
		if !ok {
			t.Errorf("docs/architecture.md has no row %q", row)
			continue
		}
		for name, f := range cases {
			switch {
			case f == nil:
				t.Errorf("%s: %s passes", row, name)
			case f.Kind.String() != want[0] || f.Status != statuses[want[1]]:
				t.Errorf("%s: %s is %q with status %d, want %q with %s", row, name, f.Kind, f.Status, want[0], want[1])
			}
		}
	}
}

func TestPassRequiresAllEvidence(t *testing.T) {
	t.Parallel()
	if f := Judge(passed()); f != nil {
		t.Errorf("a run that passed fails: %v", f)
	}
	if f := Judge(with(func(e *Evidence) { e.Faulty = true })); f != nil {
		t.Errorf("an expected fault fails the run: %v", f)
	}
	if f := Judge(Evidence{Greeted: true, Err: &EndError{}, Faulty: true, ExpectedDeath: true}); f != nil {
		t.Errorf("an expected death fails the run: %v", f)
	}
}

func TestFailureShowsWhatHelps(t *testing.T) {
	t.Parallel()
	evidence := Evidence{Console: "last lines\n", Emulator: "qemu -m 512", Stderr: "qemu: late", Err: &EndError{}}
	for name, c := range map[string]struct {
		change func(*Evidence)
		want   []string
		not    []string
	}{
		"QEMU's line, its messages, the console": {func(*Evidence) {}, []string{"last lines\n", "QEMU was:\n", "qemu -m 512", "and it printed:\n", "qemu: late"}, nil},
		"messages once":                          {func(e *Evidence) { e.Err = &EndError{Err: errors.New("exit status 1: qemu: late")} }, []string{": qemu: late"}, []string{"it printed"}},
		"KVM that does nothing":                  {func(e *Evidence) { e.KVM = true }, []string{"KMODTEST_ACCEL=tcg"}, nil},
		"QEMU was killed":                        {func(e *Evidence) { e.Err = &EndError{Err: killed()} }, []string{"short of memory"}, nil},
		"corrupt memory":                         {func(e *Evidence) { e.Err = &wire.GarbledError{Err: errors.New("x")} }, []string{"KMODTEST_KERNEL=debug"}, nil},
		"no escape sequences":                    {func(e *Evidence) { e.Fault = &Fault{Title: "BUG \x1b[2J", Report: "\x1b]0;owned\x07"} }, []string{`BUG \x1b[2J`, `\x1b]0;owned\x07`}, []string{"\x1b", "\x07"}},
		"a fault report":                         {func(e *Evidence) { e.Fault = &Fault{Title: "BUG", Tests: []string{"TestA", "TestB"}, Report: "trace"} }, []string{"BUG, during TestA and TestB", "trace"}, []string{"last lines"}},
	} {
		e := evidence
		c.change(&e)
		text := Judge(e).Text()
		for _, want := range c.want {
			if !strings.Contains(text, want) {
				t.Errorf("%s: %q is missing in\n%s", name, want, text)
			}
		}
		for _, not := range c.not {
			if strings.Contains(text, not) {
				t.Errorf("%s: %q is in\n%s", name, not, text)
			}
		}
	}
}

func TestWorstFailureDecides(t *testing.T) {
	t.Parallel()
	test := Failf(TestFailed, nil, "exit status 200")
	test.Status = 200 // as of a signal, but the tests' own
	later := Failf(TestFailed, nil, "exit status 1")
	fault := Failf(KernelFault, nil, "BUG")
	down := Failf(GuestDown, nil, "silent")
	interrupt := Interruption(&InterruptError{Signal: syscall.SIGTERM})
	for name, c := range map[string]struct {
		failures []*Failure
		want     *Failure
	}{
		"none":                   {nil, nil},
		"the first test":         {[]*Failure{test, later}, test},
		"the guest":              {[]*Failure{test, down}, down},
		"the kernel":             {[]*Failure{test, down, fault}, fault},
		"an interrupt":           {[]*Failure{fault, interrupt, down}, interrupt},
		"a test's status of 200": {[]*Failure{test, fault}, fault},
	} {
		if got := Worst(c.failures); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	if err := Join(nil, nil); err != nil {
		t.Errorf("no failures are joined to %v", err)
	}
}

// TestRefusedModuleHasAdvice: kernels may take only signed modules.
func TestRefusedModuleHasAdvice(t *testing.T) {
	for errno, want := range map[syscall.Errno]string{
		syscall.EKEYREJECTED: "module.sig_enforce",
		syscall.EPERM:        "lockdown",
		syscall.EIO:          "the kernel log has the reason",
	} {
		if f := Judge(endedBy(&LoadError{"m", errno.Error()})); !strings.Contains(f.Advice, want) {
			t.Errorf("%v: the advice is %q, want one that names %s", errno, f.Advice, want)
		}
	}
}
