package environment

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/kmodtest/kmodtest/harness/internal/hardware"
	"github.com/kmodtest/kmodtest/harness/internal/modcov"
	"github.com/kmodtest/kmodtest/harness/internal/qemu"
	"github.com/kmodtest/kmodtest/images/arch"
)

// Variables has the values of the environment variables that the harness reads.
type Variables struct {
	hardware.Variables
	Kernel    string // KMODTEST_KERNEL: a name or a path; "" means Config.Kernel
	Arch      string // KMODTEST_ARCH: the kernel's architecture, as GOARCH; "" means that in the kernel's name, or else the host's
	Snapshot  string // KMODTEST_SNAPSHOT: off boots each time; "" or on restores if possible
	Fresh     string // KMODTEST_FRESH: test gives each test a fresh machine, off does not; "" means Config.Fresh
	Trace     string // KMODTEST_TRACE: 1 prints how long the phases of a run took; otherwise a file to write that to
	KernelLog string // KMODTEST_KERNEL_LOG: "" prints the log if the run fails, 1 always; otherwise a file to write it to
	Verdict   string // KMODTEST_VERDICT: a file for the verdict; "" for none
	Binary    string // KMODTEST_BINARY: the test binary that runs in the guest; "" is the one that was started
	GDB       bool   // KMODTEST_GDB: 1 lets gdb attach to each machine
	Explain   bool   // KMODTEST_EXPLAIN: 1 runs a test that broke the kernel again, with probes
	Dump      string // KMODTEST_DUMP: a directory for images of memory after faults; "" for none
	Coverage  modcov.Variables
	Borrowed  []string // names of the variables of hugelgupf/vmtest that are used
	// KMODTEST_SILENCE: how long a machine may show no sign of life; 0 means
	// usualSilence.
	Silence time.Duration
}

// Read reads the variables and checks their values.
func Read() (Variables, error) {
	e := Variables{
		Variables: hardware.Variables{QEMU: os.Getenv("KMODTEST_QEMU"), Accel: qemu.Accel(os.Getenv("KMODTEST_ACCEL"))},
		Kernel:    os.Getenv("KMODTEST_KERNEL"),
		Arch:      os.Getenv("KMODTEST_ARCH"),
		Snapshot:  os.Getenv("KMODTEST_SNAPSHOT"),
		Fresh:     os.Getenv("KMODTEST_FRESH"),
		Trace:     os.Getenv("KMODTEST_TRACE"),
		KernelLog: os.Getenv("KMODTEST_KERNEL_LOG"),
		Verdict:   os.Getenv("KMODTEST_VERDICT"),
		Binary:    os.Getenv("KMODTEST_BINARY"),
		Dump:      os.Getenv("KMODTEST_DUMP"),
		Coverage:  modcov.Variables{Dir: os.Getenv("KMODTEST_COVERAGE"), Least: os.Getenv("KMODTEST_COVERAGE_MIN")},
	}
	if err := e.borrow(); err != nil {
		return e, err
	}
	if e.Dump != "" {
		var err error
		if e.Dump, err = filepath.Abs(e.Dump); err != nil {
			return e, fmt.Errorf("KMODTEST_DUMP: %w", err)
		}
	}
	if e.Arch != "" {
		if _, err := arch.Find(e.Arch); err != nil {
			return e, fmt.Errorf("KMODTEST_ARCH: %w", err)
		}
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
	for name, to := range map[string]*bool{"KMODTEST_GDB": &e.GDB, "KMODTEST_EXPLAIN": &e.Explain} {
		switch text := os.Getenv(name); text {
		case "", "0":
		case "1":
			*to = true
		default:
			return e, fmt.Errorf("%s is %q; it may be 1, 0 or empty", name, text)
		}
	}
	switch e.Accel {
	case "", qemu.KVM, qemu.TCG:
		return e, nil
	}
	return e, fmt.Errorf("KMODTEST_ACCEL is %q; it may be kvm, tcg or empty", e.Accel)
}

// borrow reads the variables of hugelgupf/vmtest, where the harness's own are not
// set.
func (e *Variables) borrow() error {
	use := func(name string) string {
		value := os.Getenv(name)
		if value != "" {
			e.Borrowed = append(e.Borrowed, name)
		}
		return value
	}
	if e.QEMU == "" {
		if words := strings.Fields(use("VMTEST_QEMU")); len(words) > 0 {
			e.QEMU, e.Arguments = words[0], words[1:]
		}
	}
	if e.Kernel == "" {
		if path := use("VMTEST_KERNEL"); path != "" {
			var err error
			if e.Kernel, err = filepath.Abs(path); err != nil {
				return fmt.Errorf("VMTEST_KERNEL: %w", err)
			}
		}
	}
	e.Arguments = append(e.Arguments, strings.Fields(use("VMTEST_QEMU_APPEND"))...)
	e.KernelArgs = use("VMTEST_KERNEL_APPEND")
	return nil
}
