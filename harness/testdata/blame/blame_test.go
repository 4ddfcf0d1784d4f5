// Package blame has tests that break the kernel, between others that do not. The
// harness's own tests check which of them fail, and how.
package blame

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness"
	"github.com/kmodtest/kmodtest/harness/guest"
)

func TestMain(m *testing.M) {
	if os.Getenv("BLAME_MAIN") != "" && os.Getpid() != 1 {
		if _, err := os.Stat("/proc/crash"); err == nil {
			breakKernel(os.Getenv("BLAME_MAIN"))
		}
	}
	config := harness.Config{Modules: []string{"../crash"}}
	if pattern := os.Getenv("BLAME_ALLOW"); pattern != "" {
		config.Allow = []string{pattern}
	}
	if os.Getenv("BLAME_MACHINES") != "" {
		config.Machines = 2
	}
	harness.Main(m, config)
}

// breakKernel makes the module crash break the kernel in the given way.
func breakKernel(way string) {
	if err := os.WriteFile("/proc/crash", []byte(way), 0); err != nil {
		panic(err)
	}
}

func TestBefore(*testing.T) {}

func TestWarnsAtOnce(*testing.T) { breakKernel("warn") }

func TestBetween(t *testing.T) { t.Log("is between the two") }

func TestFailsAndWarns(t *testing.T) {
	t.Error("fails by itself")
	breakKernel("warn")
}

func TestAfter(*testing.T) {}

// Twenty tests in a row. The tenth breaks the kernel in the way that BLAME_ROW or
// BLAME_SUBTEST names, the thirteenth in that of BLAME_PARALLEL.
func TestRow01(*testing.T) {}
func TestRow02(t *testing.T) {
	t.Run("passes", func(*testing.T) {})
	t.Run("fails", func(t *testing.T) { t.Error("this one fails anyway") })
}
func TestRow03(t *testing.T) { t.Skip("as always") }
func TestRow04(*testing.T)   { fmt.Println("printed by the fourth") }
func TestRow05(*testing.T)   {}
func TestRow06(t *testing.T) { t.Log("logged by the sixth") }
func TestRow07(*testing.T)   {}
func TestRow08(t *testing.T) { t.Error("the eighth fails anyway") }
func TestRow09(*testing.T)   {}
func TestRow10(t *testing.T) {
	if way := os.Getenv("BLAME_ROW"); way != "" {
		breakKernel(way)
	}
	t.Run("one", func(*testing.T) {})
	t.Run("breaks", func(t *testing.T) {
		if way := os.Getenv("BLAME_SUBTEST"); way != "" {
			breakKernel(way)
		}
	})
	t.Run("two", func(t *testing.T) { t.Log("after it") })
}
func TestRow11(*testing.T)   {}
func TestRow12(t *testing.T) { t.Parallel() }
func TestRow13(t *testing.T) {
	t.Parallel()
	if way := os.Getenv("BLAME_PARALLEL"); way != "" {
		breakKernel(way)
	}
}
func TestRow14(*testing.T) {}
func TestRow15(*testing.T) {}
func TestRow16(t *testing.T) {
	t.Run("deep", func(t *testing.T) { t.Run("deeper", func(*testing.T) {}) })
}
func TestRow17(*testing.T)   {}
func TestRow18(*testing.T)   {}
func TestRow19(*testing.T)   {}
func TestRow20(t *testing.T) { t.Error("the twentieth fails anyway") }

// TestTogether runs two parallel subtests, one of which breaks the kernel, after a
// subtest that is not parallel.
func TestTogether(t *testing.T) {
	var both, broken sync.WaitGroup
	both.Add(2)
	broken.Add(1)
	t.Run("breaks", func(t *testing.T) {
		t.Parallel()
		both.Done()
		both.Wait()
		breakKernel("warn")
		broken.Done()
	})
	t.Run("runs beside", func(t *testing.T) {
		t.Parallel()
		both.Done()
		broken.Wait()
	})
	t.Run("runs before", func(*testing.T) {})
}

func TestExpectsWarning(t *testing.T) {
	guest.ExpectKernelFault(t, "warning", `crash_warn`)
	breakKernel("warn")
}

func TestExpectsEndOfKernel(t *testing.T) {
	guest.ExpectKernelFault(t, "null-dereference", `crash_null_write \[crash\]`)
	breakKernel("null-write")
	t.Error("the kernel lives")
}

func TestExpectsInVain(t *testing.T) {
	guest.ExpectKernelFault(t, "kasan", `crash_warn`)
}

func TestExpectsAnother(t *testing.T) {
	guest.ExpectKernelFault(t, "warning", `somewhere else`)
	breakKernel("warn")
}

func TestAllows(t *testing.T) {
	guest.AllowKernelLog(t, `^WARNING in crash_warn`)
	t.Run("inside", func(*testing.T) { breakKernel("warn") })
}

// TestForges writes fault reports like the kernel's to its output and to /dev/kmsg.
func TestForges(t *testing.T) {
	text := "------------[ cut here ]------------\nWARNING: CPU: 0 PID: 1 at a.c:1 f+0x1/0x2\nCall Trace:\n f+0x1/0x2\n---[ end trace 0000000000000000 ]---\n" +
		"Kernel panic - not syncing: forged\nBUG: kernel NULL pointer dereference, address: 0000000000000000\n"
	fmt.Print(text)
	fmt.Fprint(os.Stderr, text)
	log, err := os.OpenFile("/dev/kmsg", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	for _, priority := range []string{"", "<0>", "<3>", "<8>"} {
		if _, err := fmt.Fprint(log, priority+text); err != nil {
			t.Fatal(err)
		}
	}
}

// TestHangs makes the kernel hang in the way that BLAME_HANG names, on the
// processor BLAME_CPU if that is set.
func TestHangs(t *testing.T) {
	if cpu, err := strconv.Atoi(os.Getenv("BLAME_CPU")); err == nil {
		runtime.LockOSThread()
		var set unix.CPUSet
		set.Set(cpu)
		if err := unix.SchedSetaffinity(0, &set); err != nil {
			t.Fatal(err)
		}
	}
	breakKernel(os.Getenv("BLAME_HANG"))
}

func TestSleepsLong(*testing.T) { time.Sleep(time.Hour) }
