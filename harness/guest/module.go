package guest

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/internal/modprobe"
)

// LoadModule loads a module by its name, with parameters such as "base=200", after its
// dependencies. The name may be an alias. The files come from the host: Config need not
// list them. Cleanup unloads the module and those dependencies that LoadModule loaded; a
// module that is in use gets 3 seconds, as the kernel destroys namespaces in the
// background. If the module is already loaded, or the load fails, it ends the test. For a
// module that is built into the kernel it does nothing, and ends the test if there are
// parameters.
func LoadModule(tb testing.TB, name string, params ...string) {
	tb.Helper()
	if err := TryLoadModule(tb, name, params...); err != nil {
		tb.Fatal(err)
	}
}

// TryLoadModule is like LoadModule, but returns an error if the load fails. The error
// wraps the errno of finit_module(2): EEXIST if the module is already loaded, or the
// errno that the module's init function returned. If the kernel has no such module, it
// wraps ENOENT.
func TryLoadModule(tb testing.TB, name string, params ...string) error {
	tb.Helper()
	require(tb)
	loaded, err := loadModule(name, params)
	tb.Cleanup(func() {
		tb.Helper()
		for _, module := range slices.Backward(loaded) {
			err := modprobe.Unload(module, modprobe.Patience)
			if err != nil && !errors.Is(err, unix.ENOENT) {
				tb.Errorf("cleanup: unload module %s: %v", module, err)
			}
		}
	})
	return err
}

// UnloadModule unloads a module, without its dependencies. Cleanup loads it again with
// default parameters, unless it is loaded by then. If the unload fails, it ends the test.
func UnloadModule(tb testing.TB, name string) {
	tb.Helper()
	if err := TryUnloadModule(tb, name); err != nil {
		tb.Fatal(err)
	}
}

// TryUnloadModule is like UnloadModule, but returns an error if the unload fails. The
// error wraps the errno of delete_module(2), which does not wait: EWOULDBLOCK if the
// module is in use, ENOENT if it is not loaded.
func TryUnloadModule(tb testing.TB, name string) error {
	tb.Helper()
	require(tb)
	if err := modprobe.Unload(name, 0); err != nil {
		return fmt.Errorf("unload module %s: %w", name, err)
	}
	tb.Cleanup(func() {
		tb.Helper()
		if ModuleLoaded(tb, name) {
			return
		}
		if _, err := loadModule(name, nil); err != nil {
			tb.Errorf("cleanup: %v", err)
		}
	})
	return nil
}

// ModuleLoaded reports whether a module is loaded. It returns false for a module that is
// built into the kernel, which cannot be unloaded.
func ModuleLoaded(tb testing.TB, name string) bool {
	tb.Helper()
	require(tb)
	loaded, err := modprobe.Loaded(name)
	if err != nil {
		tb.Fatal(err)
	}
	return loaded
}

// loadModule loads a module and its dependencies. It returns the names of the modules
// that it loaded, in that order, also with an error.
func loadModule(name string, params []string) ([]string, error) {
	there, err := modprobe.Loaded(name)
	if err == nil && there {
		err = fmt.Errorf("load module %s: %w", name, unix.EEXIST)
	}
	if err != nil {
		return nil, err
	}
	loaded, err := modprobe.Load(modprobe.ByProgram, name, params...)
	if errors.Is(err, modprobe.ErrBuiltin) {
		if len(params) == 0 {
			return nil, nil
		}
		err = fmt.Errorf("load module %s with %v: %w", name, params, err)
	}
	return loaded, err
}
