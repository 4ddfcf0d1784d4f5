package guest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/u-root/u-root/pkg/kmodule"
	"golang.org/x/sys/unix"
)

// LoadModule loads a module by its name, with parameters ("base=200"), after
// the modules it depends on. Cleanup unloads it and those that had to be loaded
// for it. A module that is already loaded ends the test. One that is built into
// the kernel needs no loading.
func LoadModule(tb testing.TB, name string, params ...string) {
	tb.Helper()
	if err := TryLoadModule(tb, name, params...); err != nil {
		tb.Fatal(err)
	}
}

// TryLoadModule is LoadModule for a load that may fail. Its error wraps the
// errno of finit_module(2): EEXIST where the module is already loaded, or
// whatever the module's init function returned.
func TryLoadModule(tb testing.TB, name string, params ...string) error {
	tb.Helper()
	require(tb)
	loaded, err := loadModule(name, params)
	tb.Cleanup(func() {
		tb.Helper()
		for _, module := range slices.Backward(loaded) {
			if !ModuleLoaded(tb, module) {
				continue
			}
			if err := deleteModule(module); err != nil {
				tb.Errorf("cleanup: %v", err)
			}
		}
	})
	return err
}

// UnloadModule unloads a loaded module. Cleanup loads it again, with default
// parameters, if it is not loaded by then.
func UnloadModule(tb testing.TB, name string) {
	tb.Helper()
	if err := TryUnloadModule(tb, name); err != nil {
		tb.Fatal(err)
	}
}

// TryUnloadModule is UnloadModule for an unload that may fail. Its error wraps
// the errno of delete_module(2), which is called without waiting: EWOULDBLOCK
// where the module is in use, ENOENT where it is not loaded.
func TryUnloadModule(tb testing.TB, name string) error {
	tb.Helper()
	require(tb)
	if err := deleteModule(name); err != nil {
		return err
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

// ModuleLoaded says whether a module is loaded. Of one that is built into the
// kernel it says no: it can not be unloaded.
func ModuleLoaded(tb testing.TB, name string) bool {
	tb.Helper()
	require(tb)
	loaded, err := moduleLoaded(name)
	if err != nil {
		tb.Fatal(err)
	}
	return loaded
}

// loadModule loads a module and what it depends on, and returns the names of
// those that were not loaded before, in the order of loading.
func loadModule(name string, params []string) ([]string, error) {
	var files []string
	err := kmodule.ProbeOptions(name, "", kmodule.ProbeOpts{
		IgnoreProcMods: true,
		DryRunCB:       func(path string) { files = append(files, path) },
	})
	if err != nil {
		return nil, fmt.Errorf("find module %s: %w", name, err)
	}
	if len(files) == 0 {
		if len(params) > 0 {
			return nil, fmt.Errorf("load module %s with %v: it is built into the kernel", name, params)
		}
		return nil, nil
	}
	var names []string
	last := len(files) - 1
	for _, path := range files[:last] {
		dependency := moduleName(path)
		loaded, err := moduleLoaded(dependency)
		if err != nil {
			return names, err
		}
		if loaded {
			continue
		}
		if err := finitModule(path, nil); err != nil {
			return names, fmt.Errorf("load module %s, needed by %s: %w", dependency, name, err)
		}
		names = append(names, dependency)
	}
	if err := finitModule(files[last], params); err != nil {
		return names, fmt.Errorf("load module %s: %w", strings.Join(append([]string{name}, params...), " "), err)
	}
	return append(names, moduleName(files[last])), nil
}

// finitModule loads one module file.
func finitModule(path string, params []string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	return kmodule.FileInit(file, strings.Join(params, " "), 0)
}

// deleteModule unloads one module, and does not wait until nobody uses it; it
// does until others have loaded or unloaded theirs, which a signal interrupts.
func deleteModule(name string) error {
	err := error(unix.EINTR)
	for errors.Is(err, unix.EINTR) {
		err = unix.DeleteModule(strings.ReplaceAll(name, "-", "_"), unix.O_NONBLOCK)
	}
	if err != nil {
		return fmt.Errorf("unload module %s: %w", name, err)
	}
	return nil
}

// moduleLoaded asks sysfs, where only a loaded module has the file initstate.
func moduleLoaded(name string) (bool, error) {
	path := filepath.Join("/sys/module", strings.ReplaceAll(name, "-", "_"), "initstate")
	_, err := os.Stat(path)
	if err == nil {
		return true, nil
	}
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	return false, fmt.Errorf("look for module %s: %w", name, err)
}

// moduleName is the name under which the kernel knows the module of a file.
func moduleName(path string) string {
	name, _, _ := strings.Cut(filepath.Base(path), ".ko")
	return strings.ReplaceAll(name, "-", "_")
}
