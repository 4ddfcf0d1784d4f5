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

// loadModules loads the modules under test with what they depend on.
func loadModules(names []string) wire.Readiness {
	for _, name := range names {
		if err := kmodule.Probe(name, ""); err != nil {
			return wire.Readiness{Module: name, Error: err.Error()}
		}
	}
	return wire.Readiness{}
}

// unloadPatience is how long a module may stay in use after the last process
// has gone: the kernel takes network namespaces down in the background.
const unloadPatience = 3 * time.Second

// unloadModules unloads the modules under test, the last one loaded first, and
// returns those that stay, with the reason. One that a test has unloaded is no fault.
func unloadModules(names []string) (stuck []string) {
	for _, name := range slices.Backward(names) {
		err := unloadModule(name)
		if err != nil && !errors.Is(err, unix.ENOENT) {
			stuck = append(stuck, name+": "+err.Error())
		}
	}
	return stuck
}

func unloadModule(name string) error {
	for deadline := time.Now().Add(unloadPatience); ; time.Sleep(10 * time.Millisecond) {
		err := unix.DeleteModule(name, unix.O_NONBLOCK)
		busy := errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EBUSY)
		if !busy || time.Now().After(deadline) {
			return describeBusy(err)
		}
	}
}

func describeBusy(err error) error {
	if errors.Is(err, unix.EAGAIN) {
		return fmt.Errorf("it is still in use (%w)", err)
	}
	if errors.Is(err, unix.EBUSY) {
		return fmt.Errorf("it is still loading or unloading, or has no exit function (%w)", err)
	}
	return err
}
