package device

import (
	"context"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hugelgupf/vmtest/qemu"
	"github.com/hugelgupf/vmtest/qemu/qnetwork"
)

func TestListReturnsWhatFunctionsAdd(t *testing.T) {
	for _, name := range []string{"VMTEST_QEMU", "VMTEST_KERNEL", "VMTEST_KERNEL_APPEND", "VMTEST_QEMU_APPEND", "VMTEST_INITRAMFS"} {
		t.Setenv(name, "unused")
	}
	t.Setenv("VMTEST_TIMEOUT", "1s")
	t.Setenv("VMTEST_ARCH", "arm64")
	t.Chdir(t.TempDir())
	if err := os.Mkdir("share", 0o755); err != nil {
		t.Fatal(err)
	}
	arguments, kernelArgs, err := List(
		nil,
		qemu.P9Directory("share", "tag"),
		qemu.HaltOnKernelPanic(),
		qemu.IfArch(qemu.ArchAMD64, qemu.VirtioRandom()),
		qemu.IfArch(qemu.ArchArm64, qemu.ArbitraryArgs("-device", "of another machine")),
		qnetwork.HostNetwork("192.168.0.0/24", qnetwork.WithDevice[qnetwork.UserBackend](qnetwork.WithNIC(qnetwork.NICVirtioNet))),
	)()
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"-fsdev", "local,id=fsdev0,path=share,security_model=mapped-file", "-device", "virtio-9p-pci,fsdev=fsdev0,mount_tag=tag",
		"-no-reboot",
		"-device", "virtio-rng-pci",
		"-device", "virtio-net,netdev=netdev0,mac=0e:00:00:00:00:01", "-netdev", "user,id=netdev0,ipv4=on,net=192.168.0.0/24,ipv6=off",
	}
	if diff := cmp.Diff(want, arguments); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"VMTEST_MOUNT9P_fsdev0=tag panic=-1"}, kernelArgs); diff != "" {
		t.Error(diff)
	}
}

func TestFunctionsThatDoMoreAreNamed(t *testing.T) {
	passesFile := func(_ *qemu.IDAllocator, o *qemu.Options) error {
		o.AddFile(os.Stdin)
		return nil
	}
	task := func(context.Context, *qemu.Notifications) error { return nil }
	for want, fn := range map[string]qemu.Fn{
		"function 2 of the list (WithQEMUCommand)": qemu.WithQEMUCommand("qemu"),
		"it sets the kernel":                       qemu.WithKernel("bzImage"),
		"it sets the initramfs":                    qemu.WithInitramfs("initramfs"),
		"set -timeout of go test":                  qemu.WithVMTimeout(time.Second),
		"KMODTEST_KERNEL_LOG=1":                    qemu.LogSerialByLine(qemu.DefaultPrint("vm", t.Logf)),
		"(WithTask): it adds a task":               qemu.WithTask(task),
		"it adds a task":                           qnetwork.ServeHTTP(&http.Server{ReadHeaderTimeout: time.Second}, nil),
		"it passes an open file":                   passesFile,
		"no such file":                             qemu.IDEBlockDevice("disk.img"), // an error of its own
	} {
		if _, _, err := List(qemu.VirtioRandom(), fn)(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
}
