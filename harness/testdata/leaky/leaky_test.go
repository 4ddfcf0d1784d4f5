// Package leaky has tests of a module that leaks.
package leaky

import (
	"os"
	"os/exec"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness"
	"github.com/kmodtest/kmodtest/harness/guest"
)

func TestMain(m *testing.M) {
	harness.Main(m, harness.Config{
		Modules: []string{"../modules/leaky"}, KernelArgs: []string{"slub_debug=U"}, Files: []string{"sleep"},
	})
}

// take makes the module leak something, three times.
func take(t *testing.T, what string) {
	t.Helper()
	guest.NoLeaks(t)
	for range 3 {
		if err := os.WriteFile("/dev/leaky", []byte(what), 0); err != nil {
			t.Fatal(err)
		}
	}
}

// TestOwnNamespace makes a network namespace that ends with the test.
func TestOwnNamespace(t *testing.T) {
	guest.NoLeaks(t)
	guest.NewNetworkNamespace(t)
}

// TestReload unloads and loads the module.
func TestReload(t *testing.T) {
	guest.NoLeaks(t)
	guest.UnloadModule(t, "leaky")
}

func TestNothing(t *testing.T)   { take(t, "nothing") }
func TestCache(t *testing.T)     { take(t, "cache") }
func TestVmalloc(t *testing.T)   { take(t, "vmalloc") }
func TestKmalloc(t *testing.T)   { take(t, "kmalloc") }
func TestReference(t *testing.T) { guest.Fresh(t); take(t, "reference") }

// TestNamespace starts a process in another network namespace, which outlives the test.
func TestNamespace(t *testing.T) {
	guest.NoLeaks(t)
	cmd := exec.Command("sleep", "100") // it is to outlive the test
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
}

// TestSilent leaks and does not look for it.
func TestSilent(t *testing.T) {
	if err := os.WriteFile("/dev/leaky", []byte("kmalloc"), 0); err != nil {
		t.Fatal(err)
	}
}

// TestBlind leaves a file in kmemleak's place to which nothing can be written.
func TestBlind(t *testing.T) {
	if err := unix.Mount("/dev/full", "/sys/kernel/debug/kmemleak", "", unix.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
}
