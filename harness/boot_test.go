package harness_test

import (
	"strings"
	"testing"

	"github.com/kmodtest/kmodtest/harness/internal/qemu"
	"github.com/kmodtest/kmodtest/harness/internal/tsc"
)

func TestCryptographyIsTestedAfterBoot(t *testing.T) {
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
// more than a hundredth, it does not use the result.
func TestClockOfEmulatedProcessorIsItsCounter(t *testing.T) {
	t.Parallel()
	if accel, _ := qemu.Detect(); accel == qemu.KVM || tsc.Parameters("6.1", 0) == nil {
		t.Skip("needs TCG, on a host whose clock is the processor's counter")
	}
	const script = `until dmesg | grep "Refined TSC clocksource calibration"; do sleep 0.1; done
		until grep -x tsc /sys/devices/system/clocksource/clocksource0/current_clocksource; do sleep 0.1; done`
	out, status := foreign(t, nil, "run", "--timeout=5m", "--", "/bin/sh", "-c", script)
	if status != 0 || !strings.Contains(out, "\ntsc\n") {
		t.Errorf("status %d\n%s", status, out)
	}
}
