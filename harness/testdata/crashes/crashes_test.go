package crashes

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kmodtest/kmodtest/harness"
	"github.com/kmodtest/kmodtest/harness/guest"
)

const module, file = "crash", "/proc/crash"

func TestMain(m *testing.M) {
	harness.Main(m, harness.Config{Modules: []string{"../crash"}})
}

// TestCrash has a test for each way, between two that do no harm.
func TestCrash(t *testing.T) {
	for _, way := range Ways {
		t.Run(way.Name, func(t *testing.T) {
			t.Run("before", harmless)
			t.Run("breaks", way.breaks)
			t.Run("after", harmless)
		})
	}
}

// harmless checks that the module is there, and that each of its ways is known.
func harmless(t *testing.T) {
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var known []string
	for _, way := range Ways {
		if way.Parameter == "" {
			known = append(known, way.Name)
		}
	}
	got := strings.Fields(string(b))
	slices.Sort(got)
	slices.Sort(known)
	if !slices.Equal(got, known) {
		t.Errorf("the module's ways are %q, but the table has %q", got, known)
	}
}

// soon is how long a kernel may take to notice what is wrong: at a tick while the
// thread runs, as the processor turns to another one, as the thread ends.
const soon = 300 * time.Millisecond

// writeAlone writes to the module's file by a thread that does nothing else, goes
// on for a while, and ends.
func writeAlone(how string) error {
	result := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked, so that it ends with the goroutine
		err := os.WriteFile(file, []byte(how), 0)
		for start := time.Now(); time.Since(start) < soon; {
		}
		result <- err
	}()
	return <-result
}

// breaks breaks the kernel.
func (w Way) breaks(t *testing.T) {
	if os.Getenv("CRASHES_CONSOLE") != "" {
		// Until the end of the machine, the console shows all.
		if err := os.WriteFile("/proc/sys/kernel/printk", []byte("8"), 0); err != nil {
			t.Fatal(err)
		}
	}
	for path, value := range w.Settings {
		set(t, path, value)
	}
	switch w.Parameter {
	case "load":
		guest.UnloadModule(t, module)
		guest.LoadModule(t, module, w.Parameter+"="+w.Does)
	case "unload":
		guest.UnloadModule(t, module)
		guest.LoadModule(t, module, w.Parameter+"="+w.Does)
		guest.UnloadModule(t, module)
	default:
		how := w.Name
		if w.Seconds > 0 {
			how = fmt.Sprintf("%s %d", how, w.Seconds)
		}
		if err := writeAlone(how); err != nil {
			t.Error(err)
		}
	}
	time.Sleep(soon)
	if w.Name == "leak" {
		findLeaks(t)
	}
}

// set writes a file of the kernel, and what was in it again when the test ends.
func set(t *testing.T, path, value string) {
	t.Helper()
	old, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(value), 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.WriteFile(path, old, 0); err != nil {
			t.Error(err)
		}
	})
}

// findLeaks has kmemleak look, where the kernel has it: it takes an object for
// lost only some seconds after it was allocated.
func findLeaks(t *testing.T) {
	const kmemleak = "/sys/kernel/debug/kmemleak"
	if _, err := os.Stat(kmemleak); errors.Is(err, fs.ErrNotExist) {
		return
	}
	for range 60 {
		set(t, kmemleak, "scan")
		found, err := os.ReadFile(kmemleak)
		if err != nil {
			t.Fatal(err)
		}
		if len(found) > 0 {
			t.Logf("%s", found)
			return
		}
		time.Sleep(time.Second)
	}
	t.Error("kmemleak has found nothing")
}
