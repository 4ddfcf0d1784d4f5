package harness_test

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// withDevices runs a test of package devices that passes, in a machine as variables
// choose it, and returns the output of the harness.
func withDevices(t *testing.T, test string, env ...string) string {
	t.Helper()
	c := newCommand(t, env, binary(t, "devices"), "-test.run=^("+test+")$")
	c.Dir = t.TempDir() // paths do not depend on it
	if status := c.status(t); status != 0 || c.stdout.String() != "PASS\n" {
		t.Fatalf("exit status %d, output %q; want 0 and PASS\n%s", status, c.stdout.String(), c.stderr.String())
	}
	return c.stderr.String()
}

// boots is a part of the line which says that a machine is not saved.
const boots = "boots for this run"

// snapshotsIn returns how many snapshots there are.
func snapshotsIn(t *testing.T, dir string) int {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "*", "state"))
	if err != nil {
		t.Fatal(err)
	}
	return len(found)
}

// A machine with a network card and a disk that is only read is saved and restored.
// Another content of the disk makes another machine.
func TestSavedMachineHasItsDevices(t *testing.T) {
	t.Parallel()
	cache, snapshots := ownCache(t)
	image := filepath.Join(t.TempDir(), "a,b.img")
	env := []string{
		cache, "DEVICES=disk,network", "DEVICES_DISK=" + strings.ReplaceAll(image, ",", ",,"),
		"DEVICES_PORT=" + greeter(t),
	}
	for i, content := range []string{"first", "first", "the second"} {
		text := append([]byte(content), make([]byte, 4096)...)
		if old, err := os.ReadFile(image); err != nil || string(old) != string(text) {
			if err := os.WriteFile(image, text, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		said := withDevices(t, "TestDiskHasFile|TestNetworkReachesHost", append(env, "DEVICES_WANT="+content)...)
		if strings.Contains(said, boots) || strings.Contains(said, "cannot restore") {
			t.Errorf("run %d prints\n%s", i, said)
		}
		if got, want := snapshotsIn(t, snapshots), 1+i/2; got != want {
			t.Errorf("after run %d there are %d snapshots, want %d", i, got, want)
		}
	}
}

// greeter greets all who connect to a port of the host's loopback, and returns it.
func greeter(t *testing.T) (port string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() }) // the test is over
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(conn, "hello, guest") // the guest's test reads it
			conn.Close()
		}
	}()
	_, port, err = net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// A machine with a disk that cannot be saved boots, and the reason is printed. The
// path of the other disk's image starts from the directory of the package.
func TestMachineWithBadDiskBoots(t *testing.T) {
	t.Parallel()
	cache, snapshots := ownCache(t)
	said := withDevices(t, "TestBadSectorCannotBeRead|TestDiskHasFile", cache, "DEVICES=disk,bad disk", "DEVICES_WANT=// Package devices")
	if !strings.Contains(said, boots+", as it cannot be saved with -drive if=none,id=bad,driver=blkdebug") || strings.Count(said, boots) != 1 {
		t.Errorf("want the reason once, got\n%s", said)
	}
	if n := snapshotsIn(t, snapshots); n != 0 {
		t.Errorf("%d snapshots, want none", n)
	}
}

func TestMachineHasNodes(t *testing.T) {
	t.Parallel()
	said := withDevices(t, "TestMachineHasTwoNodes", "DEVICES_NODES=yes")
	if !strings.Contains(said, boots+", as it cannot be saved with NUMA nodes") {
		t.Errorf("got\n%s", said)
	}
}

// A machine with another chipset boots, is saved and is restored.
func TestMachineWithOtherChipset(t *testing.T) {
	t.Parallel()
	for _, kernel := range []string{"5.10", "6.1", "6.12"} {
		t.Run(kernel, func(t *testing.T) {
			t.Parallel()
			cache, snapshots := ownCache(t)
			for range 2 {
				withDevices(t, "TestChipsetIsQ35", cache, "DEVICES=q35", "KMODTEST_KERNEL="+kernel)
				if n := snapshotsIn(t, snapshots); n != 1 {
					t.Errorf("%d snapshots, want 1", n)
				}
			}
		})
	}
}

// Kernel parameters have an effect, and a machine with others is another one.
func TestKernelParametersHaveAnEffect(t *testing.T) {
	t.Parallel()
	cache, snapshots := ownCache(t)
	env := []string{cache, "DEVICES=parameter", "DEVICES_KERNEL_ARGS=transparent_hugepage=never kmodtest.a=1"}
	const want = "transparent_hugepage=never kmodtest.a=1 kmodtest.from=function"
	for range 2 { // the second is restored
		if said := withDevices(t, "TestKernelHasParameters|TestHugePagesAreOff", append(env, "DEVICES_WANT="+want)...); strings.Contains(said, boots) {
			t.Errorf("got\n%s", said)
		}
	}
	withDevices(t, "TestKernelHasParameters", cache, "DEVICES_KERNEL_ARGS=kmodtest.a=2", "DEVICES_WANT=kmodtest.a=2")
	if n := snapshotsIn(t, snapshots); n != 2 {
		t.Errorf("%d snapshots, want one for each set of parameters", n)
	}
}

// Variables of hugelgupf/vmtest mean what they mean there.
func TestVariablesOfVmtest(t *testing.T) {
	t.Parallel()
	said := withDevices(t, "TestKernelHasParameters|TestMachineHasMemory|TestBadSectorCannotBeRead", "KMODTEST_QEMU=",
		"VMTEST_QEMU=qemu-system-x86_64 -accel tcg -m 700", "VMTEST_KERNEL_APPEND=kmodtest.a=1 kmodtest.b", "DEVICES_WANT=kmodtest.a=1 kmodtest.b",
		"VMTEST_QEMU_APPEND=-blockdev driver=null-co,node-name=null,size=1048576,read-zeroes=on "+
			"-blockdev driver=blkdebug,node-name=bad,image=null,inject-error.0.event=none,inject-error.0.iotype=read,inject-error.0.sector=64,inject-error.0.errno=5 "+
			"-device virtio-blk-pci,drive=bad,serial=bad")
	if !strings.Contains(said, "using variables of hugelgupf/vmtest: VMTEST_QEMU, VMTEST_QEMU_APPEND, VMTEST_KERNEL_APPEND\n") {
		t.Errorf("got\n%s", said)
	}
}

func TestMachinesThatBreakTheHarnessAreRefused(t *testing.T) {
	t.Parallel()
	for want, env := range map[string]string{
		"harness.Config: KernelArgs or Devices: the kernel parameter console=tty0 is not possible": "DEVICES_KERNEL_ARGS=console=tty0",
		"harness.Config: Devices: function 1 of the list (WithKernel): it sets the kernel":         "DEVICES=kernel",
		"harness.Config: Devices: QEMU's argument -sandbox off is not possible":                    "DEVICES=sandbox",
		"VMTEST_KERNEL_APPEND: the kernel parameter panic=0 is not possible":                       "VMTEST_KERNEL_APPEND=panic=0",
		"VMTEST_QEMU and VMTEST_QEMU_APPEND: QEMU's argument -kernel a is not possible":            "VMTEST_QEMU_APPEND=-kernel a",
		"find kernel at ": "VMTEST_KERNEL=none",
	} {
		c := newCommand(t, []string{env}, binary(t, "devices"))
		if status := c.status(t); status != 69 || !strings.Contains(c.stderr.String(), want) {
			t.Errorf("%s: exit status %d, want 69 and %q:\n%s", env, status, want, &c.stderr)
		}
	}
}
