package guest_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/kmodtest/kmodtest/harness"
	"github.com/kmodtest/kmodtest/harness/guest"
)

// The tests use two modules of the kernel: dummy, which makes network devices, and
// ip_tables, which depends on x_tables.
const (
	plain      = "dummy"
	dependent  = "ip_tables"
	dependency = "x_tables"
)

// The tests of namespaces use two more: veth, and a TCP congestion control.
const (
	veth  = "veth"
	vegas = "tcp_vegas"
)

// virtioBlk is the driver of disks.
const virtioBlk = "virtio_blk"

// absent is a module that no kernel has.
const absent = "no_such_module"

func TestMain(m *testing.M) {
	harness.Main(m, harness.Config{
		KernelModules:   []string{dependent, veth, vegas, virtioBlk},
		OptionalModules: []string{plain, absent},
		Files:           []string{"cat", "../config.go"},
	})
}

// Config.Files has a program of the host, with its libraries, and another file.
func TestFilesOfTheHostAreThere(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "cat", "../config.go").CombinedOutput()
	if err != nil || !strings.HasPrefix(string(out), "package harness\n") {
		t.Fatalf("cat ../config.go: %v, and it begins with %.40q", err, out)
	}
}

// The name of an emulated processor contains TCG.
func TestTimersMayBeLateWhereProcessorsAreEmulated(t *testing.T) {
	cpus, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		t.Fatal(err)
	}
	want := "50000\n"
	if strings.Contains(string(cpus), "QEMU TCG CPU") {
		want = "2000000\n"
	}
	if got, err := os.ReadFile("/proc/self/timerslack_ns"); err != nil || string(got) != want {
		t.Errorf("timer slack in nanoseconds: got %q, %v, want %q", got, err, want)
	}
}

func TestOptionalModuleThatIsNotThereDoesNotLoad(t *testing.T) {
	if err := guest.TryLoadModule(t, absent); err == nil {
		t.Fatalf("load of module %s: no error", absent)
	}
}
