package harness_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// red is a run that must not pass.
type red struct {
	test   string   // of testdata/red; "" is TestPasses
	module string   // of testdata/modules, or an absolute path
	env    []string // in addition to RED_MODULE
	status int
	stage  string   // of the verdict
	kind   string   // of the verdict; "" is the one of the status
	want   []string // regular expressions that match standard output or error
}

// check is run, in parallel with other tests.
func (r red) check(t *testing.T) {
	t.Helper()
	t.Parallel()
	r.run(t)
}

// run does the red run and checks its output, its exit status, that it prints
// neither PASS nor ok, and the verdict file.
func (r red) run(t *testing.T) {
	t.Helper()
	test := r.test
	if test == "" {
		test = "TestPasses"
	}
	report := filepath.Join(t.TempDir(), "verdict.json")
	env := append(r.env, "RED_MODULE="+r.module, "KMODTEST_VERDICT="+report)
	c := newCommand(t, env, binary(t, "red"), "-test.run=^"+test+"$")
	status := c.status(t)
	out := c.stdout.String() + c.stderr.String()
	if status != r.status {
		t.Errorf("exit status %d, want %d", status, r.status)
	}
	r.checkReport(t, report)
	for _, want := range r.want {
		if !regexp.MustCompile(want).MatchString(out) {
			t.Errorf("nothing in the output matches %q", want)
		}
	}
	if regexp.MustCompile(`(?m)^(PASS|ok\b.*)$`).MatchString(out) {
		t.Error("the output says PASS or ok")
	}
	if t.Failed() {
		t.Logf("the end of the output:\n%s", out[max(0, len(out)-4000):])
	}
}

// checkReport checks the verdict file.
func (r red) checkReport(t *testing.T, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Version, Status    int
		Kind, Stage, Title string
	}
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	kinds := map[int]string{69: "host side broke|guest down", 255: "kernel fault"}
	kind, ok := kinds[r.status]
	if !ok {
		kind = "test failed"
	}
	if r.kind != "" {
		kind = r.kind
	}
	if got.Version != 1 || got.Status != r.status || !strings.Contains(kind, got.Kind) || got.Kind == "" || got.Stage != r.stage || got.Title == "" {
		t.Errorf("the verdict file has %+v; want status %d, kind %s, stage %q and a title", got, r.status, kind, r.stage)
	}
}

func TestGreenRunPasses(t *testing.T) {
	t.Parallel()
	c := newCommand(t, nil, binary(t, "red"), "-test.run=^TestPasses$")
	if status := c.status(t); status != 0 || c.stdout.String() != "PASS\n" {
		t.Errorf("exit status %d, output %q; want 0 and PASS\n%s", status, c.stdout.String(), c.stderr.String())
	}
	for line := range strings.Lines(c.stderr.String()) {
		if !strings.HasPrefix(line, "kmodtest: ") {
			t.Errorf("standard error has a line that is not the harness's: %q", line)
		}
	}
}

func TestFailingTestFailsRun(t *testing.T) {
	red{test: "TestFails", stage: "tests", status: 1, want: []string{`(?m)^--- FAIL: TestFails`, `this test fails`}}.check(t)
}

func TestPanickingTestFailsRun(t *testing.T) {
	red{test: "TestPanics", stage: "tests", status: 2, want: []string{`(?m)^panic: this test panics`, `red_test\.go:\d+`}}.check(t)
}

func TestEarlyExitFailsRun(t *testing.T) {
	red{test: "TestExitsZero", stage: "tests", status: 2, want: []string{`unexpected call to os\.Exit\(0\) during test`}}.check(t)
}

func TestUnseenExitFailsRun(t *testing.T) {
	red{test: "TestLeavesUnseen", stage: "tests", status: 1, want: []string{`exited with status 0 before its tests had ended`}}.check(t)
}

func TestKilledTestBinaryFailsRun(t *testing.T) {
	red{test: "TestIsKilled", stage: "tests", status: 1, want: []string{`test binary was killed by signal 9 \(killed\)`}}.check(t)
}

func TestKernelPanicFailsRun(t *testing.T) {
	red{test: "TestCrashesKernel", status: 255, want: []string{
		`FAIL: kernel fault: Kernel panic - not syncing: sysrq triggered crash`,
		`sysrq_handle_crash`,   // the report
		`qemu-system-x86_64 .`, // the command line
	}}.check(t)
}

func TestMachineThatEndsEarlyFailsRun(t *testing.T) {
	red{test: "TestSwitchesMachineOff", status: 69, want: []string{
		`switched itself off before the guest was done`,
	}}.check(t)
}

// A warning that QEMU prints while it works is shown, but not as the reason for
// the end of the machine.
func TestWarningOfQEMUIsNoReason(t *testing.T) {
	path := filepath.Join(t.TempDir(), "qemu")
	if err := os.WriteFile(path, []byte("#!/bin/sh\necho 'warning: it is late' >&2\nexec qemu-system-x86_64 \"$@\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	red{test: "TestSwitchesMachineOff", env: []string{"KMODTEST_QEMU=" + path, "KMODTEST_SNAPSHOT=off"}, status: 69, want: []string{
		`switched itself off before the guest was done`, `(?m)and it printed:\n.*warning: it is late$`,
	}}.check(t)
}

func TestMachineThatMakesNoSenseFailsItsTest(t *testing.T) {
	red{test: "TestSpeaksForInit", status: 69, want: []string{
		`(?m)^--- FAIL: TestSpeaksForInit`,
		`during this test the machine began to send invalid data`,
		`FAIL: guest down: the guest sent invalid data, as if something had overwritten its memory: not a record`,
	}}.check(t)
}

func TestKernelWarningFailsRun(t *testing.T) {
	red{module: "warns", status: 255, want: []string{
		`FAIL: kernel fault: WARNING in warns_exit \[warns\]`,
		`WARNING: .*testdata/modules/warns/warns\.c:\d+`, // the report
		`(?m)^FAIL$`, // where the testing package had printed PASS
		`warns_exit`,
	}}.check(t)
}

func TestWarningWhileLoadingFailsRun(t *testing.T) {
	red{module: "warnsinit", status: 255, want: []string{
		`FAIL: kernel fault: WARNING in warnsinit_init \[warnsinit\]`,
		`WARNING: .*testdata/modules/warnsinit/warnsinit\.c:\d+`,
	}}.check(t)
}

// It passes each time: a machine in which a fault was reported is not saved.
func TestWarningWhileLoadingCanBeAllowed(t *testing.T) {
	t.Parallel()
	for range 2 {
		pass(t, "RED_MODULE=warnsinit", "RED_ALLOW=^WARNING in warnsinit_init")
	}
}

func TestOopsWhileLoadingFailsRun(t *testing.T) {
	red{module: "oopsinit", status: 255, want: []string{
		`FAIL: kernel fault: BUG: kernel NULL pointer dereference in oopsinit_init \[oopsinit\]`,
	}}.check(t)
}

func TestOopsWhileUnloadingFailsRun(t *testing.T) {
	red{module: "oopsexit", status: 255, want: []string{
		`FAIL: kernel fault: BUG: kernel NULL pointer dereference in oopsexit_exit \[oopsexit\]`,
	}}.check(t)
}

// The taint also shows faults that were not found in the kernel log.
func TestTaintedKernelFailsRun(t *testing.T) {
	red{test: "TestTaintsKernel", status: 255, want: []string{`FAIL: kernel fault: the kernel is tainted \(warning \(W\)\)`}}.check(t)
}

// The records that were overwritten before they were read may contain a fault.
func TestOverrunKernelLogFailsRun(t *testing.T) {
	red{test: "TestFloodsKernelLog", stage: "checks", status: 69, want: []string{`the kernel logged faster than its log could be read`}}.check(t)
}

// If PID 1 is frozen, it sends nothing, and the time limit ends the run. The limit
// is longer than any time without output while a machine boots on a loaded host.
func TestSilentGuestFailsRun(t *testing.T) {
	red{test: "TestFreezesInit", env: []string{"KMODTEST_SILENCE=30s"}, status: 69, want: []string{
		`FAIL: guest down: the guest has shown no sign of life for 30s`, `-device virtio-serial-pci`,
	}}.check(t)
}

func TestBadSilenceFailsRun(t *testing.T) {
	red{env: []string{"KMODTEST_SILENCE=long"}, status: 69, want: []string{`KMODTEST_SILENCE is "long"; it may be a duration such as 90s`}}.check(t)
}

func TestModuleThatDoesNotCompileFailsRun(t *testing.T) {
	red{module: "nocompile", stage: "build", status: 1, want: []string{
		`testdata/modules/nocompile/nocompile\.c:\d+:\d+: error: .*this_is_not_declared`,
		`FAIL: module .*/nocompile does not build against Linux \d`,
		`the command was: make -C `,
	}}.check(t)
}

func TestModuleThatDoesNotLoadFailsRun(t *testing.T) {
	red{module: "noload", stage: "load", status: 1, want: []string{
		`FAIL: module noload does not load: no such device`,
		`noload: the device is not there`, // from the kernel log
		`Load in harness\.Config\.Builds chooses the modules to load`,
	}}.check(t)
}

// Debian's kernels have signed modules, and a build's are not.
func TestUnsignedModuleIsRefusedWithReason(t *testing.T) {
	for arg, want := range map[string]string{
		"module.sig_enforce=1": `(?s)module warns does not load: key was rejected by service.*kmodtest: this kernel loads only modules that are signed`,
		"lockdown=integrity":   `(?s)unsigned module loading is restricted.*module warns does not load: operation not permitted.*the kernel is locked down`,
	} {
		t.Run(arg, func(t *testing.T) {
			red{module: "warns", env: []string{"RED_KERNEL_ARGS=" + arg}, stage: "load", status: 1, want: []string{want}}.check(t)
		})
	}
}

func TestModuleThatDoesNotUnloadFailsRun(t *testing.T) {
	red{module: "nounload", stage: "checks", status: 1, want: []string{`FAIL: module nounload does not unload: it is still in use`}}.check(t)
}

func TestUnknownKernelFailsRun(t *testing.T) {
	red{env: []string{"KMODTEST_KERNEL=2.4"}, stage: "kernel", status: 69, want: []string{`2\.4`, `6\.1`}}.check(t)
}

func TestMissingQEMUFailsRun(t *testing.T) {
	red{env: []string{"KMODTEST_QEMU=qemu-system-none"}, status: 69, want: []string{
		`FAIL: host side broke: QEMU is missing: .*qemu-system-none`, `apt-get install qemu-system-x86`, `KMODTEST_QEMU`,
	}}.check(t)
}

func TestBrokenQEMUFailsRun(t *testing.T) {
	red{env: []string{"KMODTEST_QEMU=false"}, status: 69, want: []string{
		`FAIL: host side broke: QEMU ended before the guest was done: exit status 1`,
	}}.check(t)
}

func TestBadAccelFailsRun(t *testing.T) {
	red{env: []string{"KMODTEST_ACCEL=warp"}, status: 69, want: []string{`KMODTEST_ACCEL is "warp"; it may be kvm, tcg or empty`}}.check(t)
}

// The guest has a file system of its own on /tmp.
func TestFileBelowMountIsThere(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("/tmp", "kmodtest-file-") //nolint:usetesting // it has to be below that mount
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "file")
	if err := os.WriteFile(path, []byte("of the host"), 0o600); err != nil {
		t.Fatal(err)
	}
	env, snapshots := ownCache(t)
	if err := os.Remove(filepath.Join(filepath.Dir(snapshots), "initramfs")); err != nil { // no other run uses it
		t.Fatal(err)
	}
	c := newCommand(t, []string{env, "RED_FILE=" + path, "KMODTEST_SNAPSHOT=off"}, binary(t, "red"), "-test.run=^TestHasFile$")
	if status := c.status(t); status != 0 {
		t.Errorf("%s: exit status %d:\n%s%s", path, status, &c.stdout, &c.stderr)
	}
}

func TestMissingFileFailsRun(t *testing.T) {
	red{env: []string{"RED_FILE=no-such-program"}, status: 69, want: []string{
		`FAIL: host side broke: Config.Files: there is no program no-such-program in PATH, /usr/sbin or /sbin: install it, or `,
	}}.check(t)
}

func TestMissingModuleDirectoryFailsRun(t *testing.T) {
	red{module: "nowhere", status: 69, want: []string{`testdata/modules/nowhere`, `no such file or directory`}}.check(t)
}
