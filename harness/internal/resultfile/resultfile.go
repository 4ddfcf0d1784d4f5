// Package resultfile makes the files that a guest sends back. A file appears in its place when
// it is complete, and no link leads it elsewhere.
package resultfile

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// New makes the file at path, which the user has named.
func New(path string) (wire.Sink, error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		f, err := os.OpenFile(path, os.O_WRONLY, 0) // such as /dev/stdout
		return &device{f}, err
	}
	return Below(filepath.Dir(path), filepath.Base(path), false)
}

// device is a file that is written in place.
type device struct{ *os.File }

// Commit closes the file.
func (d *device) Commit() error { return d.Close() }

// Discard closes the file.
func (d *device) Discard() { d.Close() }

// Below makes the file with that name below a directory, which it makes if
// it does not exist. No link leads out of the directory. A file that exists is
// replaced or, with exclusive, an error.
func Below(dir, name string, exclusive bool) (wire.Sink, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	f, err := openBelow(root, name, exclusive)
	if err != nil {
		root.Close()
		return nil, fmt.Errorf("write a file that the guest sent: %w", err)
	}
	return f, nil
}

func openBelow(root *os.Root, name string, exclusive bool) (*pendingFile, error) {
	parent, base := filepath.Split(name)
	if err := root.MkdirAll(filepath.Clean(parent), 0o755); err != nil {
		return nil, err
	}
	if _, err := root.Lstat(name); err == nil && exclusive {
		return nil, &fs.PathError{Op: "create", Path: filepath.Join(root.Name(), name), Err: fs.ErrExist}
	}
	tmp := filepath.Join(parent, "."+base[:min(len(base), 100)]+"-"+rand.Text())
	f, err := root.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return nil, err
	}
	return &pendingFile{f, root, tmp, name, exclusive}, nil
}

// pendingFile is a file that appears in its place when it is complete.
type pendingFile struct {
	*os.File
	root      *os.Root
	tmp, name string
	exclusive bool
}

// Commit puts the file in its place.
func (f *pendingFile) Commit() error {
	defer f.root.Close()
	err := f.Close()
	switch {
	case err == nil && f.exclusive:
		err = errors.Join(f.root.Link(f.tmp, f.name), f.root.Remove(f.tmp))
	case err == nil:
		err = f.root.Rename(f.tmp, f.name)
	}
	if err != nil {
		_ = f.root.Remove(f.tmp)
	}
	return err
}

// Discard removes the received content.
func (f *pendingFile) Discard() {
	f.Close()
	_ = f.root.Remove(f.tmp)
	f.root.Close()
}
