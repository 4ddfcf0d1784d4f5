// Package unpack writes the files of archives below a directory. No name and no link in an archive leads out of it.
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
type Target struct{ root *os.Root }

// Open returns the target for an existing directory. It must be closed.
func Open(dir string) (*Target, error) {
	root, err := os.OpenRoot(dir)
	return &Target{root}, err
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
	_, err = io.Copy(file, content)
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

// Tar writes the files of an archive for which keep returns true. Devices and the like are left out.
func (t *Target) Tar(archive io.Reader, keep func(name string) bool) error {
	for reader := tar.NewReader(archive); ; {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		name := clean(header.Name)
		if !keep(name) {
			continue
		}
		switch header.Typeflag {
		case tar.TypeDir:
			err = t.Dir(name)
		case tar.TypeReg:
			err = t.File(name, header.FileInfo().Mode(), reader)
		case tar.TypeSymlink:
			err = t.Symlink(name, header.Linkname)
		case tar.TypeLink:
			err = t.Link(name, header.Linkname)
		}
		if err != nil {
			return fmt.Errorf("unpack %s: %w", name, err)
		}
	}
}
