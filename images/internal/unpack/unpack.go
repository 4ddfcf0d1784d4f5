// Package unpack writes the files of archives below a directory. No name and no link in an archive leads out of it while
// it is unpacked; links that would lead out later are made, and others must not follow them.
package unpack

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
)

// Target is the directory that files are written to. It may be used from one goroutine.
type Target struct {
	root *os.Root
	has  Contents
}

// Open returns the target for an existing directory. All archives that are unpacked to it have the usual limits together.
// It must be closed.
func Open(dir string) (*Target, error) {
	root, err := os.OpenRoot(dir)
	return &Target{root: root}, err
}

// Close ends the use of the target.
func (t *Target) Close() error { return t.root.Close() }

// clean returns a name of an archive, which may be absolute, as a path below the target.
func clean(name string) string {
	name = strings.TrimPrefix(path.Clean("/"+name), "/")
	if name == "" {
		return "."
	}
	return name
}

// Dir makes a directory. Its owner may always write to it.
func (t *Target) Dir(name string) error { return t.root.MkdirAll(clean(name), 0o755) }

// File writes a file in place of what had the name. Its owner may always read and write it.
func (t *Target) File(name string, mode fs.FileMode, content io.Reader) (err error) {
	if err := t.makeRoom(name); err != nil {
		return err
	}
	file, err := t.root.OpenFile(clean(name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode.Perm()|0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	_, err = io.Copy(file, t.has.file(content))
	return err
}

// Symlink makes a symbolic link. A directory that has the name already stays.
func (t *Target) Symlink(name, target string) error {
	if info, err := t.root.Lstat(clean(name)); err == nil && info.IsDir() {
		return nil
	}
	if err := t.makeRoom(name); err != nil {
		return err
	}
	return t.root.Symlink(target, clean(name))
}

// Link makes another name for a file.
func (t *Target) Link(name, existing string) error {
	if err := t.makeRoom(name); err != nil {
		return err
	}
	return t.root.Link(clean(existing), clean(name))
}

// makeRoom makes the directory of a name and removes what has the name.
func (t *Target) makeRoom(name string) error {
	name = clean(name)
	if err := t.root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	if err := t.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Take returns the content of a file of at most that many bytes, and removes it.
func (t *Target) Take(name string, most int64) ([]byte, error) {
	file, err := t.root.Open(clean(name))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, most))
	return content, errors.Join(err, t.root.Remove(clean(name)))
}

// Count adds an entry of an archive in another format than tar's, which may be left out, to what was unpacked. It returns an
// error beyond a limit.
func (t *Target) Count(name string, size int64) error { return t.has.count(name, size) }

// Tar writes the files of an archive for which keep returns true, and reads the archive to its end. Devices and the like are
// left out.
func (t *Target) Tar(archive io.Reader, keep func(name string) bool) error {
	return t.has.entries(archive, func(header *tar.Header, content io.Reader) error {
		name := clean(header.Name)
		if !keep(name) {
			return nil
		}
		if err := t.entry(name, header, content); err != nil {
			return fmt.Errorf("unpack %s: %w", name, err)
		}
		return nil
	})
}

// entry writes one entry of an archive.
func (t *Target) entry(name string, header *tar.Header, content io.Reader) error {
	switch header.Typeflag {
	case tar.TypeDir:
		return t.Dir(name)
	case tar.TypeReg:
		return t.File(name, header.FileInfo().Mode(), content)
	case tar.TypeSymlink:
		return t.Symlink(name, header.Linkname)
	case tar.TypeLink:
		return t.Link(name, header.Linkname)
	}
	return nil
}
