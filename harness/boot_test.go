package harness_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/kmodtest/kmodtest/harness/internal/tsc"
)

// The tests of the kernel's own cryptographic algorithms take a tenth of a boot.
func TestKernelTestsItsCryptographyOnlyIfAsked(t *testing.T) {
	t.Parallel()
	const script = "cat /sys/module/cryptomgr/parameters/notests; dmesg"
	const untested = "alg: self-tests disabled"
	for _, c := range []struct {
		arg  string // of the user
		want string // the parameter's value
		boot bool   // the algorithms of the kernel itself are tested
	}{{"", "N", false}, {"cryptomgr.notests=0", "N", true}, {"cryptomgr.notests=1", "Y", false}} {
		args := []string{"run"}
		if c.arg != "" {
			args = append(args, "--kernel-arg="+c.arg)
		}
		out, status := foreign(t, []string{"KMODTEST_SNAPSHOT=off"}, append(args, "--", "/bin/sh", "-c", script)...)
		if value, log, _ := strings.Cut(out, "\n"); status != 0 || value != c.want || strings.Contains(log, untested) == c.boot {
			t.Errorf("%q: status %d, notests %s, want %s; the log has %q: %v\n%s", c.arg, status, value, c.want, untested, c.boot, out)
		}
	}
}

// The kernel measures the counter's rate again once it runs. If the rate that it was told is wrong by
// more than a hundredth, it says nothing of a refined one.
func TestClockOfEmulatedProcessorIsHostsCounter(t *testing.T) {
	t.Parallel()
	want := tsc.Parameters("6.1", 250)
	script := `cat /proc/cmdline; dmesg | grep "preset value"
		for i in $(seq 300); do
			dmesg | grep "Refined TSC clocksource calibration" && grep -x tsc /sys/devices/system/clocksource/clocksource0/current_clocksource && exit
			sleep 0.1
		done
		dmesg; exit 1`
	if want == nil { // this host does not count by it either
		script = "cat /proc/cmdline"
	}
	out, status := foreign(t, []string{"KMODTEST_ACCEL=tcg"}, "run", "--timeout=5m", "--", "/bin/sh", "-c", script)
	line, _, _ := strings.Cut(out, "\n")
	args := strings.Fields(line)
	for _, arg := range want {
		if !slices.Contains(args, arg) {
			t.Errorf("the kernel's parameters %q lack %s", args, arg)
		}
	}
	if want == nil && strings.Contains(line, "tsc") {
		t.Errorf("the kernel's parameters are %q", args)
	}
	if status != 0 || want != nil && (!strings.Contains(out, "\ntsc\n") || !strings.Contains(out, "preset value")) {
		t.Errorf("status %d\n%s", status, out)
	}
}
