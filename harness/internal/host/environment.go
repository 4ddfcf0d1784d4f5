package host

import (
	"fmt"
	"os"
	"time"

	"github.com/kmodtest/kmodtest/harness/internal/qemu"
)

// environment has the values of the harness's own environment variables.
type environment struct {
	Kernel    string     // KMODTEST_KERNEL: a name or a path; "" means Config.Kernel
	QEMU      string     // KMODTEST_QEMU: a program's name or path
	Accel     qemu.Accel // KMODTEST_ACCEL: kvm or tcg; "" detects
	Snapshot  string     // KMODTEST_SNAPSHOT: off boots each time; "" or on restores if possible
	Fresh     string     // KMODTEST_FRESH: test gives each test a fresh machine, off does not; "" means Config.Fresh
	Trace     string     // KMODTEST_TRACE: 1 prints how long the phases of a run took; otherwise a file to write that to
	KernelLog string     // KMODTEST_KERNEL_LOG: "" prints the log if the run fails, 1 always; otherwise a file to write it to
	Verdict   string     // KMODTEST_VERDICT: a file for the verdict; "" for none
	Binary    string     // KMODTEST_BINARY: the test binary that runs in the guest; "" is the one that was started
	// KMODTEST_SILENCE: how long a machine may show no sign of life; 0 means
	// usualSilence.
	Silence time.Duration
}

// readEnvironment reads the variables and checks their values.
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
			return e, fmt.Errorf("KMODTEST_SILENCE is %q; it may be a duration such as 90s, or empty", text)
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
