package hostfs

import (
	"path"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// maxLinks is how many symbolic links a path may have, as in Linux.
const maxLinks = 40

// Resolve returns the path that a path leads to if its symbolic links are followed. The
// part of it that does not exist stays as it is; missing reports that there is such a
// part. stat returns the attributes of the file at a path without links.
func Resolve(name string, stat func(name string) (wire.HostEntry, error)) (target string, missing bool, err error) {
	target = "/"
	rest := strings.Split(path.Clean("/"+name), "/")
	for links := 0; len(rest) > 0; {
		part := rest[0]
		rest = rest[1:]
		next := path.Join(target, part)
		if part == "" || part == "." || part == ".." || missing {
			target = next
			continue
		}
		e, err := stat(next)
		if err != nil {
			target, missing = next, true
			continue
		}
		if e.Mode&unix.S_IFMT != unix.S_IFLNK {
			target = next
			continue
		}
		links++
		if links > maxLinks {
			return "", false, unix.ELOOP
		}
		rest = append(strings.Split(e.Link, "/"), rest...)
		if path.IsAbs(e.Link) {
			target = "/"
		}
	}
	return target, missing, nil
}

// Has reports whether a guest has the file at a path without a copy of its own.
func (t Tree) Has(name string) bool {
	if t.View.IsEmpty() || !isClean(name) {
		return false
	}
	_, missing, err := Resolve(name, func(name string) (wire.HostEntry, error) {
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
