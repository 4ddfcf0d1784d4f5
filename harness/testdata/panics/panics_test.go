// Package panics has a test that makes the kernel panic at a random moment while
// another processor writes to the kernel log.
package panics

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness"
)

func TestMain(m *testing.M) { harness.Main(m, harness.Config{Machines: 10_000}) }

// on runs f on a processor, in a thread of its own.
func on(t *testing.T, processor int, f func()) {
	go func() {
		runtime.LockOSThread()
		var set unix.CPUSet
		set.Set(processor)
		if err := unix.SchedSetaffinity(0, &set); err != nil {
			t.Error(err)
			return
		}
		f()
	}()
}

func TestPanics(t *testing.T) {
	log, err := os.OpenFile("/dev/kmsg", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	trigger, err := os.OpenFile("/proc/sysrq-trigger", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	dies := rand.IntN(2)
	on(t, 1-dies, func() {
		for i := 0; ; i++ {
			fmt.Fprintf(log, "<%d>noise %d\n", 3+i%4, i) // some of it goes to the console, too
			time.Sleep(time.Duration(rand.IntN(500)) * time.Microsecond)
		}
	})
	on(t, dies, func() {
		time.Sleep(time.Duration(rand.IntN(30_000)) * time.Microsecond)
		_, err := trigger.WriteString("c")
		t.Error(err)
	})
	select {}
}
