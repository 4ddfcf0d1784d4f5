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

// TestCrash has a test for each way, between two harmless ones.
func TestCrash(t *testing.T) {
	for _, way := range Ways {
		t.Run(way.Name, func(t *testing.T) {
			t.Run("before", harmless)
			t.Run("breaks", way.breaks)
			t.Run("after", harmless)
		})
	}
}

// harmless checks that the module is loaded, and that Ways has all of its ways.
func harmless(t *testing.T) {
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var known []string
	for _, way := range Ways {
		if way.Parameter == "" && way.Runs(runtime.GOARCH) {
			known = append(known, way.Name)
		}
	}
	got := strings.Fields(string(b))
	slices.Sort(got)
	slices.Sort(known)
	if !slices.Equal(got, known) {
		t.Errorf("the module has the ways %q, but the table has %q", got, known)
	}
}

// soon is how long a kernel may take to notice a mistake: at a tick while the
// thread runs, when the processor switches to another thread, or when it ends.
const soon = 300 * time.Millisecond

// writeAlone writes to the module's file on a thread of its own, which then runs
// until soon is over, and ends.
func writeAlone(how string) error {
	result := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked, so the thread ends with its goroutine
		err := os.WriteFile(file, []byte(how), 0)
		for start := time.Now(); time.Since(start) < soon; {
		}
		result <- err
	}()
	return <-result
}

// breaks breaks the kernel in this way.
func (w Way) breaks(t *testing.T) {
	if os.Getenv("CRASHES_CONSOLE") != "" {
		// The console shows all records until the machine ends.
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

// set writes a file of the kernel, if it exists, and restores it when the test
// ends.
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

// findLeaks makes kmemleak scan until it reports a leak, if the kernel has
// kmemleak. It reports an object only some seconds after its allocation.
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
	t.Error("kmemleak reported no leak in 60 scans")
}
