package host

import (
	"fmt"
	"os"
	"time"

	"github.com/kmodtest/kmodtest/harness/internal/qemu"
)

// environment is all that the harness takes from environment variables.
type environment struct {
	Kernel    string     // KMODTEST_KERNEL: a name or a path; "" leaves it to Config
	QEMU      string     // KMODTEST_QEMU: a program's name or path
	Accel     qemu.Accel // KMODTEST_ACCEL: kvm or tcg; "" detects
	Snapshot  string     // KMODTEST_SNAPSHOT: off boots each time; "" or on restores when it can
	Fresh     string     // KMODTEST_FRESH: test gives each test a machine of its own, off does not; "" leaves it to Config
	Trace     string     // KMODTEST_TRACE: 1 prints how long the phases of a run took; else a file to write them to
	KernelLog string     // KMODTEST_KERNEL_LOG: "" prints it of failing runs, 1 always; else a file to write it to
	Verdict   string     // KMODTEST_VERDICT: a file to write to how the run ended; "" for none
	Binary    string     // KMODTEST_BINARY: the test binary that runs in the guest; "" is the one that was started
	// KMODTEST_SILENCE: how long a machine may show no sign of life; 0 leaves
	// it to usualSilence.
	Silence time.Duration
}

// readEnvironment is the one place that reads variables of the harness's own.
func readEnvironment() (environment, error) {
	e := environment{
		Kernel:    os.Getenv("KMODTEST_KERNEL"),
		QEMU:      os.Getenv("KMODTEST_QEMU"),
		Accel:     qemu.Accel(os.Getenv("KMODTEST_ACCEL")),
		Snapshot:  os.Getenv("KMODTEST_SNAPSHOT"),
		Fresh:     os.Getenv("KMODTEST_FRESH"),
		Trace:     os.Getenv("KMODTEST_TRACE"),
		KernelLog: os.Getenv("KMODTEST_KERNEL_LOG"),
		Verdict:   os.Getenv("KMODTEST_VERDICT"),
		Binary:    os.Getenv("KMODTEST_BINARY"),
	}
	if e.QEMU == "" {
		e.QEMU = qemu.Binary
	}
	if text := os.Getenv("KMODTEST_SILENCE"); text != "" {
		var err error
		if e.Silence, err = time.ParseDuration(text); err != nil || e.Silence <= 0 {
			return e, fmt.Errorf("KMODTEST_SILENCE is %q; it may be a time such as 90s, or empty", text)
		}
	}
	switch e.Snapshot {
	case "", "on", "off":
	default:
		return e, fmt.Errorf("KMODTEST_SNAPSHOT is %q; it may be on, off or empty", e.Snapshot)
	}
	switch e.Fresh {
	case "", "test", "off":
	default:
		return e, fmt.Errorf("KMODTEST_FRESH is %q; it may be test, off or empty", e.Fresh)
	}
	switch e.Accel {
	case "", qemu.KVM, qemu.TCG:
		return e, nil
	}
	return e, fmt.Errorf("KMODTEST_ACCEL is %q; it may be kvm, tcg or empty", e.Accel)
}
