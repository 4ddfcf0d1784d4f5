// Package modprobe loads modules in a guest. It asks PID 1, which gets the files from
// the host, for the modules that a name stands for, and loads them itself, with the
// rights of the calling process. The kernel's own requests start a program that calls
// Main. It is linked into test binaries, so it imports little.
package modprobe

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// A MissingError reports that the kernel has no module of a name.
type MissingError struct{ Name, Release string }

// Error names the module and the kernel.
func (e *MissingError) Error() string {
	return fmt.Sprintf("kernel %s has no module %s, neither loadable nor built in", e.Release, e.Name)
}

// Unwrap returns ENOENT.
func (e *MissingError) Unwrap() error { return unix.ENOENT }

// A LoadError reports that the kernel refused a module.
type LoadError struct {
	Module   string
	Params   []string
	NeededBy string // the name that was asked for, if the module is a dependency
	Err      error  // the errno
}

// Error names the module and the errno.
func (e *LoadError) Error() string {
	if e.NeededBy != "" {
		return fmt.Sprintf("load module %s, needed by %s: %v", e.Module, e.NeededBy, e.Err)
	}
	return fmt.Sprintf("load module %s: %v", strings.Join(append([]string{e.Module}, e.Params...), " "), e.Err)
}

// Unwrap returns the errno.
func (e *LoadError) Unwrap() error { return e.Err }

// ErrBuiltin reports that a module is built into the kernel.
var ErrBuiltin = errors.New("it is built into the kernel")

// Load loads the modules that a name stands for, after those that they need. params
// are for the modules that the name stands for. It returns the names of the modules
// that it has loaded, in that order, also with an error. Modules that are loaded
// already are no error. The error is a *MissingError if there is no module,
// ErrBuiltin if it is built in, a *LoadError, or one of the way to the host. If a name
// stands for several modules, one that can be loaded is enough.
func Load(kind Kind, name string, params ...string) (loaded []string, err error) {
	conversation, err := ask(Request{kind, name})
	if err != nil {
		return nil, err
	}
	defer conversation.close()
	var refused error // why a module that the name stands for did not load
	reached := false  // one of them has loaded
	for {
		reply, err := conversation.next()
		if err != nil {
			return loaded, err
		}
		if reply.End {
			if err := reply.err(name); err != nil || reached {
				return loaded, err
			}
			return loaded, refused
		}
		options := bootParameters(reply.Text)
		if reply.Role == Target {
			options = append(options, params...)
		}
		err = load(reply, options)
		switch {
		case err == nil:
			loaded = append(loaded, reply.Text)
			reached = reached || reply.Role == Target
		case errors.Is(err, unix.EEXIST): // another process has loaded it
			reached = reached || reply.Role == Target
		case reply.Role == Dependency:
			return loaded, &LoadError{Module: reply.Text, NeededBy: name, Err: err}
		case reply.Role == Target && refused == nil:
			refused = &LoadError{Module: reply.Text, Params: options, Err: err}
		}
	}
}

// load loads the module of a reply, and closes its file.
func load(r Reply, params []string) error {
	defer unix.Close(r.File)
	return LoadFile(r.File, params)
}

// LoadFile loads a module from an open file. The error is the errno of finit_module(2).
func LoadFile(fd int, params []string) error {
	for {
		err := unix.FinitModule(fd, strings.Join(params, " "), 0)
		if !errors.Is(err, unix.EINTR) { // a signal of Go's scheduler
			return err
		}
	}
}

// Names returns the names of the modules that a name stands for, after those that
// they need, and of how many of them the name stands for. Errors are as for Load.
func Names(name string) (all, targets []string, err error) {
	conversation, err := ask(Request{NamesOnly, name})
	if err != nil {
		return nil, nil, err
	}
	defer conversation.close()
	for {
		reply, err := conversation.next()
		if err != nil {
			return nil, nil, err
		}
		if reply.End {
			return all, targets, reply.err(name)
		}
		all = append(all, reply.Text)
		if reply.Role == Target {
			targets = append(targets, reply.Text)
		}
	}
}

// Unload unloads a module. While it is in use it waits, for at most patience. The
// error is the errno of delete_module(2).
func Unload(name string, patience time.Duration) error {
	name = strings.ReplaceAll(name, "-", "_")
	for deadline := time.Now().Add(patience); ; {
		err := unix.DeleteModule(name, unix.O_NONBLOCK)
		switch {
		case errors.Is(err, unix.EINTR):
		case !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EBUSY), !time.Now().Before(deadline):
			return err
		default:
			time.Sleep(10 * time.Millisecond)
		}
	}
}

// Patience is how long a module may stay in use after its last user has ended: the
// kernel destroys network namespaces in the background.
const Patience = 3 * time.Second

// Loaded reports whether a module is loaded; false for one that is built into the
// kernel. Only a loaded module has the file initstate in sysfs.
func Loaded(name string) (bool, error) {
	_, err := os.Stat("/sys/module/" + strings.ReplaceAll(name, "-", "_") + "/initstate")
	if err == nil {
		return true, nil
	}
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	return false, fmt.Errorf("check whether module %s is loaded: %w", name, err)
}

// Holders returns the names of the loaded modules that use a module.
func Holders(name string) []string {
	dir, err := os.Open("/sys/module/" + strings.ReplaceAll(name, "-", "_") + "/holders")
	if err != nil {
		return nil // it is not loaded
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1) // those until an error
	return names
}
