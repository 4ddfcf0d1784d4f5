// Package lkdtm has a test for each crash point of lkdtm, the kernel's own module
// that breaks it.
package lkdtm

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/kmodtest/kmodtest/harness"
	"github.com/kmodtest/kmodtest/harness/guest"
)

// file lists the module's crash points, and takes the one to trigger.
const file = "/sys/kernel/debug/provoke-crash/DIRECT"

func TestMain(m *testing.M) {
	harness.Main(m, harness.Config{KernelModules: []string{"lkdtm"}})
}

// points returns the module's crash points.
func points(t *testing.T) []string {
	t.Helper()
	if !guest.ModuleLoaded(t, "lkdtm") {
		guest.LoadModule(t, "lkdtm")
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	head, list, ok := strings.Cut(strings.TrimSpace(string(b)), "\n")
	if !ok {
		t.Fatalf("no crash points in %q", head)
	}
	return strings.Fields(list)
}

// TestList prints the crash points.
func TestList(t *testing.T) {
	for _, point := range points(t) {
		fmt.Println("point", point)
	}
}

// TestPoint has a test for each crash point, between two harmless ones.
func TestPoint(t *testing.T) {
	for _, point := range points(t) {
		t.Run(point, func(t *testing.T) {
			t.Run("before", harmless)
			t.Run("breaks", func(t *testing.T) { breaks(t, point) })
			t.Run("after", harmless)
		})
	}
}

// harmless checks that the module still offers its crash points.
func harmless(t *testing.T) {
	if got := points(t); len(got) < 20 {
		t.Errorf("crash points: got %q, want more", got)
	}
}

// breaks triggers a crash point. It lowers the kernel's timeouts for hangs first.
func breaks(t *testing.T, point string) {
	if os.Getenv("CRASHES_CONSOLE") != "" {
		set(t, "/proc/sys/kernel/printk", "8") // the console shows all records
	}
	set(t, "/proc/sys/kernel/hung_task_timeout_secs", "5")
	set(t, "/proc/sys/kernel/hung_task_check_interval_secs", "1")
	set(t, "/proc/sys/kernel/watchdog_thresh", "3")
	if err := os.WriteFile(file, []byte(point), 0); err != nil {
		t.Logf("the kernel rejects the crash point: %v", err) // some are rejected as they should be
	}
}

// set writes a file of the kernel, if it is there.
func set(t *testing.T, path, value string) {
	t.Helper()
	if _, err := os.Stat(path); err != nil {
		return
	}
	if err := os.WriteFile(path, []byte(value), 0); err != nil {
		t.Fatal(err)
	}
}
