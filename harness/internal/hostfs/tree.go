package hostfs

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/harness/internal/hostpath"
	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// Tree reads files of the host as a View shows them. The user's own files belong to root
// in the guest. Its errors are errnos, ENOENT for whatever is not visible.
type Tree struct{ View View }

// maxPage is how many bytes the entries in one answer have, about.
const maxPage = wire.MaxPayload / 4

// walk opens a visible file with O_PATH, one part of its path after the other. A part
// that is a symbolic link is not followed.
func (t Tree) walk(name string) (fd int, stat unix.Stat_t, err error) {
	if !isClean(name) {
		return -1, stat, unix.EINVAL
	}
	const flags = unix.O_PATH | unix.O_NOFOLLOW | unix.O_CLOEXEC
	if fd, err = unix.Open("/", flags|unix.O_DIRECTORY, 0); err != nil {
		return -1, stat, err
	}
	if err = unix.Fstat(fd, &stat); err != nil {
		unix.Close(fd)
		return -1, stat, err
	}
	parts := strings.FieldsFunc(name, func(r rune) bool { return r == '/' })
	for i, at := 0, "/"; i < len(parts); i++ {
		if stat.Mode&unix.S_IFMT != unix.S_IFDIR || !t.View.at(at).enters(stat.Mode) {
			unix.Close(fd)
			return -1, stat, unix.ENOENT
		}
		next, err := unix.Openat(fd, parts[i], flags, 0)
		unix.Close(fd)
		if err != nil {
			return -1, stat, err
		}
		fd, at = next, path.Join(at, parts[i])
		if err := unix.Fstat(fd, &stat); err != nil {
			unix.Close(fd)
			return -1, stat, err
		}
	}
	if !t.View.at(name).shows(stat.Mode) {
		unix.Close(fd)
		return -1, stat, unix.ENOENT
	}
	return fd, stat, nil
}

// open opens a visible file of a type, a regular file or a directory, for reading.
func (t Tree) open(name string, kind uint32) (*os.File, unix.Stat_t, error) {
	fd, stat, err := t.walk(name)
	if err != nil {
		return nil, stat, err
	}
	defer unix.Close(fd)
	switch {
	case stat.Mode&unix.S_IFMT == kind:
	case kind == unix.S_IFDIR:
		return nil, stat, unix.ENOTDIR
	default:
		return nil, stat, unix.EINVAL
	}
	// The file cannot be exchanged for a device or a FIFO: it is open already.
	f, err := os.OpenFile(fmt.Sprintf("/proc/self/fd/%d", fd), os.O_RDONLY|unix.O_NONBLOCK, 0)
	return f, stat, err
}

// Stat returns the attributes of a file.
func (t Tree) Stat(name string) (wire.HostEntry, error) {
	fd, stat, err := t.walk(name)
	if err != nil {
		return wire.HostEntry{}, err
	}
	defer unix.Close(fd)
	return entry(fd, "", &stat)
}

// entry returns the attributes of a file in an open directory; for the name "", of the
// open file itself.
func entry(fd int, name string, stat *unix.Stat_t) (wire.HostEntry, error) {
	e := wire.HostEntry{
		Name: name, Mode: stat.Mode, Size: stat.Size, Time: stat.Mtim.Nano(), UID: owner(stat.Uid, os.Getuid()), GID: owner(stat.Gid, os.Getgid()),
	}
	if stat.Mode&unix.S_IFMT != unix.S_IFLNK {
		return e, nil
	}
	buf := make([]byte, unix.PathMax)
	n, err := unix.Readlinkat(fd, name, buf)
	e.Link = string(buf[:max(n, 0)])
	return e, err
}

// owner returns the guest's number of a user or group.
func owner(id uint32, own int) int64 {
	if int(id) == own {
		return 0
	}
	return int64(id)
}

// directory is an open directory.
type directory struct {
	*os.File
	tree Tree
	path string
	all  bool // all entries may be visible
}

// openDirectory opens a directory and returns the names of its entries that follow a name,
// sorted.
func (t Tree) openDirectory(name, after string) (*directory, []string, error) {
	dir, stat, err := t.open(name, unix.S_IFDIR)
	if err != nil {
		return nil, nil, err
	}
	names, err := dir.Readdirnames(-1)
	if err != nil {
		dir.Close()
		return nil, nil, err
	}
	slices.Sort(names)
	first, found := slices.BinarySearch(names, after)
	if found {
		first++
	}
	return &directory{File: dir, tree: t, path: name, all: t.View.at(name).lists(stat.Mode)}, names[first:], nil
}

// entry returns the attributes of an entry, unless it is gone or not visible.
func (d *directory) entry(name string) (e wire.HostEntry, ok bool) {
	s := d.tree.View.at(path.Join(d.path, name))
	s.public = s.public && d.all
	var stat unix.Stat_t
	if unix.Fstatat(int(d.Fd()), name, &stat, unix.AT_SYMLINK_NOFOLLOW) != nil || !s.shows(stat.Mode) {
		return wire.HostEntry{}, false
	}
	e, err := entry(int(d.Fd()), name, &stat)
	return e, err == nil
}

// List returns visible entries of a directory, sorted by name, from the first one after
// a name. more reports that they are not the last ones.
func (t Tree) List(name, after string) (entries []wire.HostEntry, more bool, err error) {
	dir, names, err := t.openDirectory(name, after)
	if err != nil {
		return nil, false, err
	}
	defer dir.Close()
	size := 0
	for _, child := range names {
		if len(entries) == wire.MaxEntries || size > maxPage {
			return entries, true, nil
		}
		if e, ok := dir.entry(child); ok {
			entries, size = append(entries, e), size+len(child)+len(e.Link)+40
		}
	}
	return entries, false, nil
}

// Read returns a piece of a regular file. It is shorter than size only at the end of the
// file.
func (t Tree) Read(name string, offset int64, size int) ([]byte, error) {
	f, _, err := t.open(name, unix.S_IFREG)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	buf := make([]byte, size)
	n, err := f.ReadAt(buf, offset)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return buf[:n], err
}

// Series returns the first visible regular files of a directory after a name, at most n,
// and their contents one after the other. It ends before a file that is not small, or that
// changes.
func (t Tree) Series(name, after string, n int) (files []wire.HostEntry, contents []byte, err error) {
	dir, names, err := t.openDirectory(name, after)
	if err != nil {
		return nil, nil, err
	}
	defer dir.Close()
	for _, child := range names {
		if len(files) == min(n, wire.MaxEntries) {
			break
		}
		e, ok := dir.entry(child)
		if !ok || e.Mode&unix.S_IFMT != unix.S_IFREG {
			continue
		}
		if e.Size > wire.MaxSmall || int64(len(contents))+e.Size > wire.MaxPiece {
			break
		}
		text, err := t.Read(path.Join(name, child), 0, int(e.Size)+1)
		if err != nil || int64(len(text)) != e.Size {
			break
		}
		files, contents = append(files, e), append(contents, text...)
	}
	return files, contents, nil
}

// Answer answers a request.
func (t Tree) Answer(r wire.HostRequest) wire.HostAnswer {
	a := wire.HostAnswer{ID: r.ID}
	var err error
	switch r.Op {
	case wire.HostStat:
		var e wire.HostEntry
		if e, err = t.Stat(r.Path); err == nil {
			a.Entries = []wire.HostEntry{e}
		}
	case wire.HostList:
		a.Entries, a.More, err = t.List(r.Path, r.After)
	case wire.HostRead:
		var b []byte
		b, err = t.Read(r.Path, r.Offset, r.Size)
		a.Data = string(b)
	case wire.HostSeries:
		var b []byte
		a.Entries, b, err = t.Series(r.Path, r.After, r.Size)
		a.Data = string(b)
	}
	if err == nil {
		return a
	}
	var errno unix.Errno
	if !errors.As(err, &errno) {
		errno = unix.EIO
	}
	return wire.HostAnswer{ID: r.ID, Errno: int(errno)}
}

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
