// Package hardware decides which machine a run has.
package hardware

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/kmodtest/kmodtest/harness/internal/kernelargs"
	"github.com/kmodtest/kmodtest/harness/internal/qemu"
	"github.com/kmodtest/kmodtest/harness/internal/qemu/board"
	"github.com/kmodtest/kmodtest/harness/internal/request"
)

// Variables are the environment's part of the decision.
type Variables struct {
	QEMU       string     // KMODTEST_QEMU or VMTEST_QEMU: a program's name or path; "" is that of the architecture
	Accel      qemu.Accel // KMODTEST_ACCEL: kvm or tcg; "" for that of the arguments, if any
	Arguments  []string   // of VMTEST_QEMU and VMTEST_QEMU_APPEND: further arguments for QEMU
	KernelArgs string     // VMTEST_KERNEL_APPEND: further kernel parameters
}

// Machine returns the machine for a kernel's architecture that a request and the environment describe, without
// its kernel and initramfs. Accel is empty if it is to be detected. Config.Devices
// takes precedence over the other fields of Config, and these over arguments of the
// environment.
func Machine(r request.Request, v Variables, goarch string) (qemu.Config, error) {
	m := qemu.Config{Arch: goarch, NUMA: r.Config.NUMA}
	b, err := board.Of(goarch)
	if err != nil {
		return m, err
	}
	m.Binary = cmp.Or(v.QEMU, b.Program)
	devices, err := qemu.ParseArguments(r.Arguments)
	if err != nil {
		return m, fmt.Errorf("harness.Config: Devices: %w", err)
	}
	others, err := qemu.ParseArguments(v.Arguments)
	if err != nil {
		return m, fmt.Errorf("VMTEST_QEMU and VMTEST_QEMU_APPEND: %w", err)
	}
	m.Accel = cmp.Or(v.Accel, devices.Accel, others.Accel)
	m.CPUs = cmp.Or(devices.CPUs, r.Config.CPUs, others.CPUs)
	m.Memory = cmp.Or(devices.Memory, r.Config.Memory, others.Memory)
	if m.Arguments = slices.Concat(others.Words, devices.Words); len(m.Arguments) > 0 {
		m.Dir = cmp.Or(r.ArgumentsDir, r.Cwd)
	}
	own, err := kernelargs.Parse(r.Config.KernelArgs, b)
	if err != nil {
		return m, fmt.Errorf("harness.Config: KernelArgs or Devices: %w", err)
	}
	if m.KernelArgs, err = kernelargs.Parse([]string{v.KernelArgs}, b); err != nil {
		return m, fmt.Errorf("VMTEST_KERNEL_APPEND: %w", err)
	}
	m.KernelArgs = append(m.KernelArgs, own...)
	if err := m.Check(); err != nil {
		return m, fmt.Errorf("harness.Config: %w", err)
	}
	return m, nil
}
