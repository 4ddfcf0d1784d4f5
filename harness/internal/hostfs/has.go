package hostfs

import (
	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/internal/hostpath"
	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// Has reports whether a guest has the file at a path without a copy of its own.
func (t Tree) Has(name string) bool {
	if t.View.IsEmpty() || !isClean(name) {
		return false
	}
	_, missing, err := hostpath.Resolve(name, func(name string) (wire.HostEntry, error) {
		if isInAny(name, guestTrees) && !t.View.at(name).whole && !t.View.at(name).leads {
			return wire.HostEntry{}, unix.ENOENT
		}
		return t.Stat(name)
	})
	return err == nil && !missing
}

// Exposed returns the repository if it is in a directory where the guest has a file system
// of its own, or "".
func (v View) Exposed() string {
	if v.Repository != "" && isInAny(v.Repository, guestTrees) {
		return v.Repository
	}
	return ""
}
