package pid1

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/u-root/u-root/pkg/kmodule"
	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// loadModules loads the modules under test and their dependencies, up to the first
// that fails.
func loadModules(names []string) wire.Readiness {
	for _, name := range names {
		if err := kmodule.Probe(name, ""); err != nil {
			return wire.Readiness{Module: name, Error: err.Error()}
		}
	}
	return wire.Readiness{}
}

// unloadPatience is how long a module may stay in use after the last process has
// ended: the kernel destroys network namespaces in the background.
const unloadPatience = 3 * time.Second

// unloadModules unloads the modules under test, the last one loaded first. It returns
// those that stay loaded, with the reason. A module that a test has unloaded is not
// among them.
func unloadModules(names []string) (stuck []string) {
	for _, name := range slices.Backward(names) {
		err := unloadModule(name)
		if err != nil && !errors.Is(err, unix.ENOENT) {
			stuck = append(stuck, name+": "+err.Error())
		}
	}
	return stuck
}

// unloadModule unloads one module. It waits up to unloadPatience while it is in use.
func unloadModule(name string) error {
	for deadline := time.Now().Add(unloadPatience); ; time.Sleep(10 * time.Millisecond) {
		err := unix.DeleteModule(name, unix.O_NONBLOCK)
		busy := errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EBUSY)
		if !busy || time.Now().After(deadline) {
			return describeBusy(err)
		}
	}
}

// describeBusy adds an explanation to the errors of a module that is in use.
func describeBusy(err error) error {
	if errors.Is(err, unix.EAGAIN) {
		return fmt.Errorf("it is still in use (%w)", err)
	}
	if errors.Is(err, unix.EBUSY) {
		return fmt.Errorf("it is still loading or unloading, or has no exit function (%w)", err)
	}
	return err
}
