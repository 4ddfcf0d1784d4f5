// Package devices holds tests of machines with other devices and parameters than the
// usual ones. Environment variables choose them.
package devices

import (
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hugelgupf/vmtest/qemu"
	"github.com/hugelgupf/vmtest/qemu/qnetwork"
	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness"
	"github.com/kmodtest/kmodtest/harness/device"
	"github.com/kmodtest/kmodtest/harness/guest"
)

// badSector is the sector of the bad disk that cannot be read.
const badSector = 64

// functions are the values of DEVICES, in any number, with what each adds.
var functions = map[string]qemu.Fn{
	"disk": qemu.ArbitraryArgs(
		"-drive", "if=none,id=disk,format=raw,readonly=on,file="+disk(),
		"-device", "virtio-blk-pci,drive=disk,serial=good"),
	"bad disk": qemu.ArbitraryArgs(
		"-drive", "if=none,id=bad,driver=blkdebug,image.driver=null-co,image.size=1M,image.read-zeroes=on,"+
			"inject-error.0.event=none,inject-error.0.iotype=read,inject-error.0.sector=64,inject-error.0.errno=5",
		"-device", "virtio-blk-pci,drive=bad,serial=bad"),
	"network": qnetwork.HostNetwork("192.168.0.0/24",
		qnetwork.WithDevice[qnetwork.UserBackend](qnetwork.WithNIC(qnetwork.NICVirtioNet))),
	"q35":       qemu.ArbitraryArgs("-machine", "q35"),
	"parameter": qemu.WithAppendKernel("kmodtest.from=function"),
	"kernel":    qemu.WithKernel("bzImage"),
	"sandbox":   qemu.ArbitraryArgs("-sandbox", "off"),
}

// disk is the path of the good disk's image. This file is one.
func disk() string {
	if path := os.Getenv("DEVICES_DISK"); path != "" {
		return path
	}
	return "devices_test.go"
}

func TestMain(m *testing.M) {
	config := harness.Config{KernelModules: []string{"virtio_blk", "virtio_net"}}
	var fns []qemu.Fn
	for name := range strings.SplitSeq(os.Getenv("DEVICES"), ",") {
		if fn := functions[name]; fn != nil {
			fns = append(fns, fn)
		}
	}
	if len(fns) > 0 {
		config.Devices = device.List(fns...)
	}
	if args := os.Getenv("DEVICES_KERNEL_ARGS"); args != "" {
		config.KernelArgs = []string{args}
	}
	if os.Getenv("DEVICES_NODES") != "" {
		config.CPUs, config.NUMA = 4, 2
	}
	harness.Main(m, config)
}

// blockDevice returns the path of the disk with a serial number.
func blockDevice(t *testing.T, serial string) string {
	t.Helper()
	guest.LoadModule(t, "virtio_blk")
	disks, err := os.ReadDir("/sys/block")
	if err != nil {
		t.Fatal(err)
	}
	for _, disk := range disks {
		if got, err := os.ReadFile("/sys/block/" + disk.Name() + "/serial"); err == nil && string(got) == serial {
			return "/dev/" + disk.Name()
		}
	}
	t.Fatalf("there is no disk %s among %v", serial, disks)
	return ""
}

func TestDiskHasFile(t *testing.T) {
	f, err := os.Open(blockDevice(t, "good"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	text := make([]byte, len(os.Getenv("DEVICES_WANT")))
	if _, err := io.ReadFull(f, text); err != nil || string(text) != os.Getenv("DEVICES_WANT") {
		t.Errorf("the disk begins with %q, %v; want %q", text, err, os.Getenv("DEVICES_WANT"))
	}
}

// Direct I/O reads nothing but the sector.
func TestBadSectorCannotBeRead(t *testing.T) {
	fd, err := unix.Open(blockDevice(t, "bad"), unix.O_RDONLY|unix.O_DIRECT|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	const size = 512
	memory, err := unix.Mmap(-1, 0, os.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		t.Fatal(err)
	}
	for _, sector := range []int64{badSector - 1, badSector, badSector + 1} {
		n, err := unix.Pread(fd, memory[:size], sector*size)
		if sector == badSector && !errors.Is(err, unix.EIO) {
			t.Errorf("sector %d: got %d bytes, %v; want EIO", sector, n, err)
		}
		if sector != badSector && (err != nil || n != size) {
			t.Errorf("sector %d: got %d bytes, %v; want %d", sector, n, err, size)
		}
	}
}

// The host listens at DEVICES_PORT of its loopback, which QEMU's network maps to its
// second address.
func TestNetworkReachesHost(t *testing.T) {
	guest.LoadModule(t, "virtio_net")
	setAddress(t, "eth0", net.IPv4(192, 168, 0, 15))
	conn, err := net.DialTimeout("tcp", "192.168.0.2:"+os.Getenv("DEVICES_PORT"), 30*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if text, err := io.ReadAll(conn); err != nil || string(text) != "hello, guest" {
		t.Errorf("got %q, %v", text, err)
	}
}

// setAddress sets an interface's address and activates it.
func setAddress(t *testing.T, name string, address net.IP) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	request, err := unix.NewIfreq(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := request.SetInet4Addr(address.To4()); err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFADDR, request); err != nil {
		t.Fatalf("set the address of %s: %v", name, err)
	}
	request.SetUint16(unix.IFF_UP)
	if err := unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, request); err != nil {
		t.Fatalf("activate %s: %v", name, err)
	}
}

// DEVICES_WANT has parameters of the kernel, separated by spaces.
func TestKernelHasParameters(t *testing.T) {
	text, err := os.ReadFile("/proc/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for want := range strings.FieldsSeq(os.Getenv("DEVICES_WANT")) {
		if !slices.Contains(strings.Fields(string(text)), want) {
			t.Errorf("the kernel's parameters are %s, want %s among them", text, want)
		}
	}
}

func TestHugePagesAreOff(t *testing.T) {
	const path = "/sys/kernel/mm/transparent_hugepage/enabled"
	if text, err := os.ReadFile(path); err != nil || !strings.Contains(string(text), "[never]") {
		t.Errorf("%s: %q, %v; want [never]", path, text, err)
	}
}

func TestMachineHasMemory(t *testing.T) {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		t.Fatal(err)
	}
	if mib := info.Totalram >> 20; mib < 600 || mib > 700 {
		t.Errorf("the guest has %d MiB, want 700 less what the kernel keeps", mib)
	}
}

// The first device of a PCI bus is the chipset.
func TestChipsetIsQ35(t *testing.T) {
	const path = "/sys/bus/pci/devices/0000:00:00.0/device"
	if text, err := os.ReadFile(path); err != nil || string(text) != "0x29c0\n" {
		t.Errorf("%s: %q, %v; want 0x29c0", path, text, err)
	}
}

func TestMachineHasTwoNodes(t *testing.T) {
	if n := runtime.NumCPU(); n != 4 {
		t.Errorf("%d CPUs, want 4", n)
	}
	for path, want := range map[string]string{
		"/sys/devices/system/node/has_memory":    "0-1\n",
		"/sys/devices/system/node/node0/cpulist": "0-1\n",
		"/sys/devices/system/node/node1/cpulist": "2-3\n",
	} {
		if text, err := os.ReadFile(path); err != nil || string(text) != want {
			t.Errorf("%s: %q, %v; want %q", path, text, err, want)
		}
	}
}
