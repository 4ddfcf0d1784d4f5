package guest_test

import (
	"errors"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/guest"
)

// wantLoaded checks whether a module is loaded.
func wantLoaded(t *testing.T, name string, want bool) {
	t.Helper()
	if got := guest.ModuleLoaded(t, name); got != want {
		t.Fatalf("module %s is loaded: got %v, want %v", name, got, want)
	}
}

// wantDevices checks which devices the module dummy has made: only dummy0 without
// parameters, and also dummy1 with numdummies=2.
func wantDevices(t *testing.T, dummy0, dummy1 bool) {
	t.Helper()
	for name, want := range map[string]bool{"dummy0": dummy0, "dummy1": dummy1} {
		_, err := os.Stat("/sys/class/net/" + name)
		if got := err == nil; got != want {
			t.Fatalf("device %s is there: got %v, want %v", name, got, want)
		}
	}
}

func TestLoadModuleUnloadsAtCleanup(t *testing.T) {
	t.Run("loads", func(t *testing.T) {
		guest.LoadModule(t, plain)
		wantLoaded(t, plain, true)
		wantDevices(t, true, false)
	})
	wantLoaded(t, plain, false)
	wantDevices(t, false, false)
}

func TestLoadModulePassesParameters(t *testing.T) {
	guest.LoadModule(t, plain, "numdummies=2")
	wantDevices(t, true, true)
}

func TestLoadModuleLoadsAndUnloadsDependencies(t *testing.T) {
	t.Run("loads", func(t *testing.T) {
		guest.LoadModule(t, dependent)
		wantLoaded(t, dependency, true)
		wantLoaded(t, dependent, true)
	})
	wantLoaded(t, dependent, false)
	wantLoaded(t, dependency, false)
}

func TestLoadModuleLeavesDependencyThatWasLoaded(t *testing.T) {
	guest.LoadModule(t, dependency)
	t.Run("loads", func(t *testing.T) {
		guest.LoadModule(t, dependent)
	})
	wantLoaded(t, dependent, false)
	wantLoaded(t, dependency, true)
}

func TestLoadModuleTakesNameWithDash(t *testing.T) {
	t.Run("loads", func(t *testing.T) {
		guest.LoadModule(t, "ip-tables")
		wantLoaded(t, "ip-tables", true)
	})
	wantLoaded(t, dependent, false)
}

func TestLoadModuleFailsWhereThereIsNone(t *testing.T) {
	wantFailure(t, "no_such_module", func(tb testing.TB) { guest.LoadModule(tb, "no_such_module") })
}

func TestLoadModuleFailsWhereLoaded(t *testing.T) {
	guest.LoadModule(t, plain)
	wantFailure(t, "load module dummy: file exists", func(tb testing.TB) { guest.LoadModule(tb, plain) })
	wantLoaded(t, plain, true)
}

func TestTryLoadModuleReturnsErrno(t *testing.T) {
	if err := guest.TryLoadModule(t, plain, "numdummies=many"); !errors.Is(err, unix.EINVAL) {
		t.Errorf("load with a bad parameter: got %v, want EINVAL", err)
	}
	guest.LoadModule(t, plain)
	if err := guest.TryLoadModule(t, plain); !errors.Is(err, unix.EEXIST) {
		t.Errorf("load of a loaded module: got %v, want EEXIST", err)
	}
}

func TestUnloadModuleLoadsAtCleanup(t *testing.T) {
	guest.LoadModule(t, plain)
	t.Run("unloads", func(t *testing.T) {
		guest.UnloadModule(t, plain)
		wantLoaded(t, plain, false)
	})
	wantLoaded(t, plain, true)
}

func TestNestedLoadsEndWithDefaultParameters(t *testing.T) {
	guest.LoadModule(t, plain)
	t.Run("with a parameter", func(t *testing.T) {
		guest.UnloadModule(t, plain)
		guest.LoadModule(t, plain, "numdummies=2")
		wantDevices(t, true, true)
	})
	wantDevices(t, true, false)
}

func TestModuleMayBeUnloadedByTheTest(t *testing.T) {
	failures := record(t, func(tb testing.TB) {
		guest.LoadModule(tb, plain)
		guest.UnloadModule(tb, plain)
	})
	if len(failures) > 0 {
		t.Fatalf("load and unload: got %q", failures)
	}
	wantLoaded(t, plain, false)
}

func TestTryUnloadModuleReturnsErrno(t *testing.T) {
	if err := guest.TryUnloadModule(t, plain); !errors.Is(err, unix.ENOENT) {
		t.Errorf("unload of a module that is not loaded: got %v, want ENOENT", err)
	}
	guest.LoadModule(t, dependent)
	if err := guest.TryUnloadModule(t, dependency); !errors.Is(err, unix.EWOULDBLOCK) {
		t.Errorf("unload of a module in use: got %v, want EWOULDBLOCK", err)
	}
	wantLoaded(t, dependency, true)
}

func TestUnloadModuleFailsWhereNotLoaded(t *testing.T) {
	wantFailure(t, "unload module dummy", func(tb testing.TB) { guest.UnloadModule(tb, plain) })
}
