package pid1

import (
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/internal/modprobe"
	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// loadModules loads the kernel's modules that are wanted before the tests, and then
// the modules under test and their dependencies, up to the first that fails.
func loadModules(boot wire.Boot) wire.Readiness {
	var wanted []wire.Module
	for _, name := range boot.Load {
		wanted = append(wanted, wire.Module{Name: name})
	}
	for _, m := range append(wanted, boot.Modules...) {
		_, err := modprobe.Load(modprobe.ByProgram, m.Name, m.Parameters)
		if err == nil || errors.Is(err, modprobe.ErrBuiltin) {
			continue
		}
		var own *modprobe.LoadError
		if errors.As(err, &own) && own.NeededBy == "" {
			err = own.Err
		}
		return wire.Readiness{Module: m.Name, Error: err.Error()}
	}
	return wire.Readiness{}
}

// unloadModules unloads the modules under test, the last one loaded first. It returns
// those that stay loaded, with the reason. A module that a test has unloaded is not
// among them. All other modules stay loaded, except those that use one of these: the
// kernel may have asked for them.
func unloadModules(modules []wire.Module) (stuck []string) {
	for _, m := range slices.Backward(modules) {
		unloadHolders(m.Name)
		err := describeBusy(modprobe.Unload(m.Name, modprobe.Patience))
		if err != nil && !errors.Is(err, unix.ENOENT) {
			stuck = append(stuck, m.Name+": "+err.Error())
		}
	}
	return stuck
}

// unloadHolders unloads the modules that use one, after those that use them. If one
// of them does not unload, neither does the module itself, whose error is reported.
func unloadHolders(name string) {
	for _, holder := range modprobe.Holders(name) {
		unloadHolders(holder)
		_ = modprobe.Unload(holder, modprobe.Patience)
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
