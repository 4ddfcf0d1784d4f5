//go:build kvm

package nested

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/guest"
)

// forceKVM makes a run use KVM without a trial.
const forceKVM = "KMODTEST_ACCEL=kvm"

// ownSnapshots gives the runs with the returned variables no snapshot of others.
func ownSnapshots(t *testing.T, p place) (env, dir string) {
	t.Helper()
	home := t.TempDir()
	if err := os.Mkdir(filepath.Join(home, "kmodtest"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"kernels", "modules", "trees", "programs", "initramfs"} {
		if err := os.Symlink(filepath.Join(p.cacheHome(), "kmodtest", name), filepath.Join(home, "kmodtest", name)); err != nil {
			t.Fatal(err)
		}
	}
	return "XDG_CACHE_HOME=" + home, filepath.Join(home, "kmodtest", "snapshots")
}

// wantPass fails the test unless the run passed under KVM.
func (r result) wantPass(t *testing.T) {
	t.Helper()
	r.want(t, 0, `(?m)^PASS$`, `, KVM, `)
}

// want checks the exit status and that all patterns match the output.
func (r result) want(t *testing.T, status int, patterns ...string) {
	t.Helper()
	if r.status != status {
		t.Errorf("exit status %d, want %d", r.status, status)
	}
	for _, pattern := range patterns {
		if !regexp.MustCompile(pattern).MatchString(r.stdout + r.stderr) {
			t.Errorf("nothing in the output matches %q", pattern)
		}
	}
	if t.Failed() {
		t.Logf("the output:\n%s%s", r.stdout, r.stderr)
	}
}

func TestKernelBoots(t *testing.T) {
	shows(t, "a kernel boots, and a test runs", versionVariable)
	r := inner{innerRun: red, place: outer(t), env: []string{forceKVM, "KMODTEST_SNAPSHOT=off"}}.run(t, "-test.run=^TestPasses$")
	r.wantPass(t)
}

// The newer QEMU also makes a snapshot, and restores a machine from it.
func TestNewerQEMUBootsAndRestores(t *testing.T) {
	shows(t, "boot, snapshot and restore with a newer QEMU", newVersionVariable)
	p := outer(t)
	env, snapshots := ownSnapshots(t, p)
	emulator := p.newQEMU(t)
	for range 2 {
		r := inner{innerRun: red, place: p, env: []string{env, forceKVM, "KMODTEST_QEMU=" + emulator}}.run(t, "-test.run=^TestPasses$")
		r.wantPass(t)
		if strings.Contains(r.stderr, "cannot restore") {
			t.Errorf("the snapshot was not restored:\n%s", r.stderr)
		}
	}
	wantSnapshots(t, snapshots, 1)
}

func TestKVMIsDetected(t *testing.T) {
	shows(t, "KVM is detected", versionVariable)
	r := inner{innerRun: red, place: outer(t), env: []string{"KMODTEST_SNAPSHOT=off"}}.run(t, "-test.run=^TestPasses$")
	r.wantPass(t)
}

// The test of detection that needs a real KVM is skipped on other hosts.
func TestDetectionAbandonsProgramWithoutEnd(t *testing.T) {
	shows(t, "detection gives up a virtual processor that does not halt", versionVariable)
	out, err := exec.Command(outer(t).binary(detection), "-test.v", "-test.run=^TestDetectAbandonsProgramWithoutEnd$").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: TestDetectAbandonsProgramWithoutEnd") {
		t.Errorf("%v\n%s", err, out)
	}
}

// A snapshot is made, and machines are restored from it, with the right time. On
// another processor there is no use for it.
func TestSnapshotIsForOneProcessor(t *testing.T) {
	shows(t, "a snapshot is made and restored; another model of processor gets its own", versionVariable)
	p := outer(t)
	env, snapshots := ownSnapshots(t, p)
	i := inner{innerRun: red, place: p, env: []string{env, forceKVM, "KMODTEST_TRACE=1"}}
	i.run(t, "-test.run=^TestPasses$").wantPass(t)
	wantSnapshots(t, snapshots, 1)

	r := i.run(t, "-test.run=^TestPasses$")
	r.wantPass(t)
	if strings.Contains(r.stderr, "cannot restore") {
		t.Errorf("the snapshot was not restored:\n%s", r.stderr)
	}
	wantSnapshots(t, snapshots, 1)

	i.seen = otherProcessor(t)
	i.run(t, "-test.run=^TestPasses$").wantPass(t)
	wantSnapshots(t, snapshots, 2)
}

func wantSnapshots(t *testing.T, dir string, n int) {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "*", "state"))
	if err != nil || len(found) != n {
		t.Errorf("snapshots: %q, %v; want %d", found, err, n)
	}
}

// otherProcessor returns a function that gives the host's processor another name.
func otherProcessor(t *testing.T) func() error {
	t.Helper()
	const cpuinfo = "/proc/cpuinfo"
	text, err := os.ReadFile(cpuinfo)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "cpuinfo")
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(string(text), "QEMU TCG", "Another")), 0o644); err != nil {
		t.Fatal(err)
	}
	return func() error { return unix.Mount(path, cpuinfo, "", unix.MS_BIND, "") }
}

func TestRestoredMachineHasTheTime(t *testing.T) {
	shows(t, "a restored machine has the right time", versionVariable)
	p := outer(t)
	env, _ := ownSnapshots(t, p)
	for range 2 { // the second one is restored in any case
		before := time.Now()
		r := inner{innerRun: red, place: p, env: []string{env, forceKVM}}.run(t, "-test.run=^TestPrintsWhoItIs$", "-test.v")
		r.wantPass(t)
		if at := r.clock(t); at.Before(before) || at.After(time.Now()) {
			t.Errorf("the guest's time is %v; want one between %v and %v", at, before, time.Now())
		}
	}
}

func TestFreshMachinesRunTwoAtATime(t *testing.T) {
	shows(t, "fresh machines, two at a time", versionVariable)
	r := inner{innerRun: fresh, place: outer(t), env: []string{forceKVM, "KMODTEST_FRESH=test"}}.run(t, "-test.v", "-test.run=Spoils|IsLast")
	r.wantPass(t)
	r.want(t, 0, `--- PASS: TestSpoilsFirst`, `--- PASS: TestSpoilsSecond`, `--- PASS: TestIsLast`)
}

// The kernel answers keys. PID 1 is frozen, so it sends nothing.
func TestSilentGuestIsAskedWithSysRq(t *testing.T) {
	shows(t, "a silent guest is noticed, and its kernel answers SysRq keys", versionVariable)
	r := inner{innerRun: red, place: outer(t), env: []string{forceKVM, "KMODTEST_SILENCE=40s"}}.run(t, "-test.run=^TestFreezesInit$")
	r.want(t, 69, `the guest has shown no sign of life for 40s`, `sysrq: Show Blocked State`)
}

// The processor that takes the keys hangs with interrupts off, so it gets an NMI.
func TestHangingProcessorIsStruckWithNMI(t *testing.T) {
	shows(t, "a processor that hangs with interrupts off gets an NMI, and its backtrace is printed", versionVariable)
	r := inner{innerRun: blame, place: outer(t), env: []string{forceKVM, "BLAME_HANG=hard-lockup", "BLAME_CPU=0"}}.
		run(t, "-test.v", "-test.run=Hangs", "-test.timeout=20s")
	if r.status == 0 {
		t.Error("exit status 0")
	}
	r.want(t, r.status, `crash_hard_lockup`, `--- FAIL: TestHangs`)
}

func TestTestsGoOnAfterAPanic(t *testing.T) {
	shows(t, "after a panic, the remaining tests run in another machine", versionVariable)
	r := inner{innerRun: blame, place: outer(t), env: []string{forceKVM, "BLAME_ROW=panic"}}.run(t, "-test.v", "-test.run=Row(09|10|11)")
	r.want(t, 255, `--- PASS: TestRow09`, `--- FAIL: TestRow10`, `--- PASS: TestRow11`, `FAIL: kernel fault: .*panic`)
}

func TestFuzzInputIsKept(t *testing.T) {
	shows(t, "an input that kills the kernel is kept by fuzzing", versionVariable)
	p := outer(t)
	dir := filepath.Join(p.Root, fuzz.Package, "testdata", "fuzz")
	r := inner{innerRun: fuzz, place: p, env: []string{forceKVM}}.run(t, "-test.run=^$", "-test.fuzz=^FuzzDies$", "-test.fuzztime=300x",
		"-test.parallel=1", "-test.fuzzcachedir="+t.TempDir())
	r.want(t, 255, `the input that was being tried is kept: testdata/fuzz/FuzzDies/[0-9a-f]{16}`)
	kept, err := filepath.Glob(filepath.Join(dir, "FuzzDies", "*"))
	if err != nil || len(kept) != 1 {
		t.Errorf("kept inputs: %q, %v; want one", kept, err)
	}
}

// The device is there, as in /dev of many hosts without the module. The machine is a
// fresh one, in which KVM has not been loaded: an unload would be a risk, see held.
func TestMissingModuleIsNoticed(t *testing.T) {
	guest.Fresh(t)
	shows(t, "`/dev/kvm` without its module: TCG is used, and a line says why", versionVariable)
	p := outerWithoutKVM(t)
	if guest.ModuleLoaded(t, module) {
		t.Fatalf("%s is loaded", module)
	}
	if err := unix.Mknod(device, unix.S_IFCHR|0o600, int(unix.Mkdev(10, 232))); err != nil {
		t.Fatal(err)
	}
	// TCG in an emulated machine takes many minutes, so the run ends before the boot.
	r := inner{innerRun: red, place: p, env: []string{"KMODTEST_QEMU=" + script(t, "exit 1\n")}}.run(t, "-test.run=^TestPasses$")
	r.want(t, 69, `no usable KVM \(cannot open /dev/kvm: .*; the module kvm_intel or kvm_amd is not loaded\): using TCG`, `, TCG, `)
}

// brokenQEMU returns a program that fails with KVM, as QEMU does if KVM lacks what
// it needs. It can be started with TCG, but runs as if with KVM: TCG in an emulated
// machine takes many minutes.
func brokenQEMU(t *testing.T) string {
	t.Helper()
	return script(t, "case \"$*\" in\n*'-accel kvm'*) echo 'qemu: error: failed to set MSR 0x48f to 0x0' >&2; exit 1;;\nesac\n"+
		"for word; do\nshift\ncase $word in tcg) word=kvm;; max,*) word=host;; esac\nset -- \"$@\" \"$word\"\ndone\nexec qemu-system-x86_64 \"$@\"\n")
}

// KVM passes its trial, but QEMU does not start a machine with it.
func TestBrokenKVMIsReplacedAndRemembered(t *testing.T) {
	shows(t, "a KVM that starts no machine: TCG is used in the same run and in the next, and a line says why", versionVariable)
	p := outer(t)
	env, _ := ownSnapshots(t, p)
	i := inner{innerRun: red, place: p, env: []string{env, "KMODTEST_SNAPSHOT=off", "KMODTEST_QEMU=" + brokenQEMU(t)}}
	i.run(t, "-test.run=^TestPasses$").want(t, 0, `(?m)^PASS$`, `, KVM, `,
		`the machine does not start under KVM \(.*failed to set MSR 0x48f to 0x0\): using TCG emulation`)
	i.run(t, "-test.run=^TestPasses$").want(t, 0, `(?m)^PASS$`, `, TCG, `,
		`no usable KVM \(this kernel did not start under it: .*failed to set MSR 0x48f.*; KMODTEST_ACCEL=kvm uses it again\): using TCG emulation`)
}

// Sleeps are exact, and the clock is KVM's: nothing is there for the sake of TCG.
func TestNothingIsMadeForTCG(t *testing.T) {
	shows(t, "timers are exact, and the clock is KVM's", versionVariable)
	r := inner{innerRun: describes, place: outer(t), env: []string{forceKVM}}.run(t, "-test.v")
	r.wantPass(t)
	r.want(t, 0, `(?m)^timer slack is 50000$`, `(?m)^clock is kvm-clock$`)
	t.Log(regexp.MustCompile(`(?m)^unloads .*$`).FindAllString(r.stdout, -1))
}

// device is KVM's.
const device = "/dev/kvm"

func TestSuitePasses(t *testing.T) {
	shows(t, "the suite of the module in `kmod/` passes", versionVariable)
	r := inner{innerRun: suite, place: outer(t), env: []string{forceKVM}, limit: 20 * time.Minute}.run(t, "-test.v")
	r.wantPass(t)
	passed := regexp.MustCompile(`(?m)^ *--- PASS: `).FindAllString(r.stdout, -1)
	if len(passed) < 200 {
		t.Errorf("%d tests passed, want all", len(passed))
	}
	t.Log(fmt.Sprint(len(passed), " tests passed"))
}
