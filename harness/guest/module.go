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

// LoadModule loads a module by its name, with parameters such as "base=200", after its
// dependencies. Cleanup unloads the module and those dependencies that LoadModule loaded.
// If the module is already loaded, or the load fails, it ends the test. For a module that
// is built into the kernel it does nothing, and ends the test if there are parameters.
func LoadModule(tb testing.TB, name string, params ...string) {
	tb.Helper()
	if err := TryLoadModule(tb, name, params...); err != nil {
		tb.Fatal(err)
	}
}

// TryLoadModule is like LoadModule, but returns an error if the load fails. The error
// wraps the errno of finit_module(2): EEXIST if the module is already loaded, or the
// errno that the module's init function returned.
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

// ModuleLoaded reports whether a module is loaded. It returns false for a module that is
// built into the kernel, which cannot be unloaded.
func ModuleLoaded(tb testing.TB, name string) bool {
	tb.Helper()
	require(tb)
	loaded, err := moduleLoaded(name)
	if err != nil {
		tb.Fatal(err)
	}
	return loaded
}

// loadModule loads a module and its dependencies. It returns the names of the modules
// that it loaded, in that order, also with an error.
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

// deleteModule unloads one module. It does not wait until the module is unused. It does
// wait for other loads and unloads, and retries after a signal.
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

// moduleLoaded reports whether sysfs has the file initstate of a module, which exists
// only if the module is loaded.
func moduleLoaded(name string) (bool, error) {
	path := filepath.Join("/sys/module", strings.ReplaceAll(name, "-", "_"), "initstate")
	_, err := os.Stat(path)
	if err == nil {
		return true, nil
	}
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	return false, fmt.Errorf("check whether module %s is loaded: %w", name, err)
}

// moduleName returns the kernel's name of the module in a file.
func moduleName(path string) string {
	name, _, _ := strings.Cut(filepath.Base(path), ".ko")
	return strings.ReplaceAll(name, "-", "_")
}
