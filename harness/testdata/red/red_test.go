// Package red holds tests that fail in every way. The harness's own tests run them
// one by one, and check that each fails as it should.
package red

import (
	"fmt"
	"hash/maphash"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness"
)

func TestMain(m *testing.M) {
	var config harness.Config
	for name := range strings.FieldsFuncSeq(os.Getenv("RED_MODULE"), func(c rune) bool { return c == ',' }) {
		if !filepath.IsAbs(name) {
			name = "../modules/" + name
		}
		config.Modules = append(config.Modules, name)
	}
	if name := os.Getenv("RED_FILE"); name != "" {
		config.Files = []string{name}
	}
	config.LoadModules = strings.Fields(os.Getenv("RED_LOAD"))
	config.KernelArgs = strings.Fields(os.Getenv("RED_KERNEL_ARGS"))
	if pattern := os.Getenv("RED_ALLOW"); pattern != "" {
		config.Allow = []string{pattern}
	}
	harness.Main(m, config)
}

func TestPasses(t *testing.T) {
	if name, err := os.Hostname(); err != nil || name != "kmodtest" {
		t.Errorf("host name %q, %v; want that of a guest", name, err)
	}
}

// TestPrintsWhoItIs prints values that must differ between machines.
func TestPrintsWhoItIs(t *testing.T) {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		t.Fatal(err)
	}
	random := make([]byte, 16)
	if _, err := unix.Getrandom(random, 0); err != nil {
		t.Fatal(err)
	}
	fmt.Printf("boot identifier is %srandom number is %x\nmaphash is %x\ntime is %s\n",
		id, random, maphash.String(maphash.MakeSeed(), ""), time.Now().Format(time.RFC3339Nano))
}

// TestHasFile checks the file of Config.Files.
func TestHasFile(t *testing.T) {
	text, err := os.ReadFile(os.Getenv("RED_FILE"))
	if err != nil || string(text) != "of the host" {
		t.Errorf("file of the host: got %q, %v", text, err)
	}
}

func TestFails(t *testing.T) { t.Error("this test fails") }

func TestPanics(*testing.T) { panic("this test panics") }

func TestExitsZero(*testing.T) { os.Exit(0) }

// TestLeavesUnseen ends the process without the testing package's knowledge.
func TestLeavesUnseen(*testing.T) { syscall.Exit(0) }

func TestIsKilled(t *testing.T) {
	if err := unix.Kill(os.Getpid(), unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	select {} // until the signal arrives
}

// TestCrashesKernel makes the kernel panic.
func TestCrashesKernel(t *testing.T) {
	write(t, "/proc/sysrq-trigger", "c")
	select {}
}

func TestSwitchesMachineOff(t *testing.T) {
	t.Fatal(unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF))
}

// TestSpeaksForInit writes invalid data to PID 1's channel to the host, as PID 1
// would if its memory were overwritten.
func TestSpeaksForInit(t *testing.T) {
	init, err := unix.PidfdOpen(1, 0)
	if err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir("/proc/1/fd")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if to, _ := os.Readlink("/proc/1/fd/" + file.Name()); !strings.HasPrefix(to, "/dev/vport") {
			continue
		}
		number, err := strconv.Atoi(file.Name())
		if err != nil {
			t.Fatal(err)
		}
		channel, err := unix.PidfdGetfd(init, number, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := unix.Write(channel, []byte("no record at all")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
	}
	t.Fatal("PID 1 has no channel to the host")
}

// TestFreezesInit freezes PID 1, so that the guest stops responding.
func TestFreezesInit(t *testing.T) {
	group := "/sys/fs/cgroup/frozen"
	if err := os.Mkdir(group, 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, group+"/cgroup.procs", "1")
	write(t, group+"/cgroup.freeze", "1")
}

// TestFloodsKernelLog logs faster than the kernel log can be read, so that records
// are lost. Each line is a record.
func TestFloodsKernelLog(t *testing.T) {
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			log, err := os.OpenFile("/dev/kmsg", os.O_WRONLY, 0)
			if err != nil {
				t.Error(err)
				return
			}
			defer log.Close()
			line := strings.Repeat("flood ", 150) + "\n"
			for range 10_000 {
				if _, err := log.WriteString(line); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
}

// TestTaintsKernel sets the taint flag of a warning without a warning.
func TestTaintsKernel(t *testing.T) { write(t, "/proc/sys/kernel/tainted", "512") }

// TestRunsLong runs until it is stopped.
func TestRunsLong(*testing.T) {
	_, _ = os.Stdout.WriteString("it runs\n")
	time.Sleep(time.Hour)
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0); err != nil {
		t.Fatal(err)
	}
}
