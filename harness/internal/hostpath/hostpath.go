// Package hostpath resolves paths of the host's files as a guest sees them, and names the file systems
// that show them. It is linked into PID 1, so it imports little.
package hostpath

import (
	"path"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// Filesystems are the kernel's file systems that show a guest the host's files.
var Filesystems = []string{"fuse", "overlay"}

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
