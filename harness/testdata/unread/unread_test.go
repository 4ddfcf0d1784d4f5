// Package unread has tests that break the kernel while nobody reads its log, so that all that the host
// gets of it is on the console of a dead machine.
package unread

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kmodtest/kmodtest/harness"
)

func TestMain(m *testing.M) { harness.Main(m, harness.Config{Modules: []string{"../crash"}}) }

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0); err != nil {
		t.Fatal(err)
	}
}

// TestFreezes stops the guest's first process, which sends the kernel log to the host.
func TestFreezes(t *testing.T) {
	group := "/sys/fs/cgroup/frozen"
	if err := os.Mkdir(group, 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(group, "cgroup.procs"), "1")
	write(t, filepath.Join(group, "cgroup.freeze"), "1")
	for {
		events, err := os.ReadFile(filepath.Join(group, "cgroup.events"))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(events), "frozen 1") {
			return
		}
		time.Sleep(time.Millisecond)
	}
}

func TestPassesBefore(*testing.T) {}

func TestWarns(t *testing.T) { write(t, "/proc/crash", "warn") }

func TestPassesBetween(*testing.T) {}

func TestHasSubtests(t *testing.T) {
	t.Run("passes", func(*testing.T) {})
	t.Run("warns", func(t *testing.T) { write(t, "/proc/crash", "warn") })
	t.Run("fails", func(t *testing.T) { t.Error("by itself") })
}

func TestDies(t *testing.T) { write(t, "/proc/crash", "null-write") }

func TestPassesAfter(*testing.T) {}
