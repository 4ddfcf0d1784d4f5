package hardware

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmodtest/kmodtest/harness/internal/qemu"
	"github.com/kmodtest/kmodtest/harness/internal/qemu/board"
	"github.com/kmodtest/kmodtest/harness/internal/request"
)

func TestMachine(t *testing.T) {
	here, err := board.Of("")
	if err != nil {
		t.Fatal(err)
	}
	config := request.Config{CPUs: 3, Memory: 600, NUMA: 1, KernelArgs: []string{"a=2", "b c"}}
	for name, c := range map[string]struct {
		request   request.Request
		variables Variables
		want      qemu.Config
	}{
		"usual": {request.Request{Cwd: "/cwd"}, Variables{QEMU: "q"}, qemu.Config{Arch: here.Arch, Binary: "q"}},
		"by Config": {
			request.Request{Config: config},
			Variables{Accel: qemu.TCG, Arguments: []string{"-m", "2G", "-smp", "8", "-enable-kvm"}, KernelArgs: "a=1 d"},
			qemu.Config{Arch: here.Arch, Binary: here.Program, Accel: qemu.TCG, CPUs: 3, Memory: 600, NUMA: 1, KernelArgs: []string{"a=1", "d", "a=2", "b", "c"}},
		},
		"by Devices": {
			request.Request{Config: config, Arguments: []string{"-m", "1G", "-smp", "4", "-accel", "tcg", "-device", "edu"}, ArgumentsDir: "/dir", Cwd: "/cwd"},
			Variables{Arguments: []string{"-L", ".", "-enable-kvm"}},
			qemu.Config{
				Arch: here.Arch, Binary: here.Program, Accel: qemu.TCG, CPUs: 4, Memory: 1024, NUMA: 1, KernelArgs: []string{"a=2", "b", "c"},
				Arguments: []string{"-L", ".", "-device", "edu"}, Dir: "/dir",
			},
		},
		"by the environment": {
			request.Request{Cwd: "/cwd"},
			Variables{QEMU: "q", Arguments: []string{"-m", "2G", "-smp", "8", "-enable-kvm", "-L", "."}},
			qemu.Config{Arch: here.Arch, Binary: "q", Accel: qemu.KVM, CPUs: 8, Memory: 2048, Arguments: []string{"-L", "."}, Dir: "/cwd"},
		},
	} {
		got, err := Machine(c.request, c.variables, here.Arch)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestErrorsNameTheirSource(t *testing.T) {
	for want, c := range map[string]struct {
		request   request.Request
		variables Variables
	}{
		"harness.Config: Devices: QEMU's argument -S":                      {request.Request{Arguments: []string{"-S"}}, Variables{}},
		"VMTEST_QEMU and VMTEST_QEMU_APPEND: QEMU's argument -S":           {request.Request{}, Variables{Arguments: []string{"-S"}}},
		"harness.Config: KernelArgs or Devices: the kernel parameter oops": {request.Request{Config: request.Config{KernelArgs: []string{"oops=x"}}}, Variables{}},
		"VMTEST_KERNEL_APPEND: the kernel parameter oops":                  {request.Request{}, Variables{KernelArgs: "oops=x"}},
		"harness.Config: 256 CPUs are too many":                            {request.Request{Config: request.Config{CPUs: 256}}, Variables{}},
	} {
		if _, err := Machine(c.request, c.variables, "amd64"); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
