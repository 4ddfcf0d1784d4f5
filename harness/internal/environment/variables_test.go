package environment

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmodtest/kmodtest/harness/internal/hardware"
)

func TestVariablesOfVmtestApplyWhereOursAreNotSet(t *testing.T) {
	kernel, err := filepath.Abs("bzImage")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		env  map[string]string
		want Variables
	}{
		"none": {nil, Variables{}},
		"theirs": {
			map[string]string{
				"VMTEST_QEMU": "qemu -L . -m 4096", "VMTEST_KERNEL": "bzImage", "VMTEST_QEMU_APPEND": " -device  edu",
				"VMTEST_KERNEL_APPEND": "a b", "VMTEST_INITRAMFS": "unused", "VMTEST_TIMEOUT": "unused",
			},
			Variables{
				Variables: hardware.Variables{QEMU: "qemu", Arguments: []string{"-L", ".", "-m", "4096", "-device", "edu"}, KernelArgs: "a b"},
				Kernel:    kernel,
				Borrowed:  []string{"VMTEST_QEMU", "VMTEST_KERNEL", "VMTEST_QEMU_APPEND", "VMTEST_KERNEL_APPEND"},
			},
		},
		"both": {
			map[string]string{
				"VMTEST_QEMU": "unused -m 4096", "VMTEST_KERNEL": "unused", "KMODTEST_QEMU": "qemu", "KMODTEST_KERNEL": "6.1",
				"VMTEST_KERNEL_APPEND": "a",
			},
			Variables{
				Variables: hardware.Variables{QEMU: "qemu", KernelArgs: "a"}, Kernel: "6.1",
				Borrowed: []string{"VMTEST_KERNEL_APPEND"},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, of := range []string{"KMODTEST_", "VMTEST_"} {
				for _, name := range []string{"QEMU", "KERNEL", "ACCEL", "SNAPSHOT", "FRESH", "TRACE", "KERNEL_LOG", "VERDICT", "BINARY", "SILENCE", "QEMU_APPEND", "KERNEL_APPEND"} {
					t.Setenv(of+name, c.env[of+name])
				}
			}
			got, err := Read()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}
