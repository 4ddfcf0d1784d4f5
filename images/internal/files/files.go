// Package files has operations on files that the standard library lacks.
package files

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Is reports whether a path is a regular file, or a link to one.
func Is(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// IsItself reports whether a path is a regular file, and no link.
func IsItself(path string) bool {
	info, err := os.Lstat(path)
	return err == nil && info.Mode().IsRegular()
}

// CheckLinks returns an error if a directory below root, or one on the way to it, is a link or another file. What does not
// exist is none.
func CheckLinks(root, dir string) error {
	for at := filepath.Clean(dir); at != "."; at = filepath.Dir(at) {
		switch info, err := os.Lstat(filepath.Join(root, at)); {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return err
		case !info.IsDir():
			return fmt.Errorf("%s is a link or a file, not a directory", at)
		}
	}
	return nil
}

// Glob returns the paths below root that match a pattern; root may contain any character.
func Glob(root, pattern string) ([]string, error) {
	found, err := fs.Glob(os.DirFS(root), pattern)
	for i, name := range found {
		found[i] = filepath.Join(root, name)
	}
	return found, err
}

// Copy copies the content of a file, and makes the parent directories of the copy.
func Copy(from, to string) (err error) {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = source.Close() }()
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	target, err := os.Create(to)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, target.Close()) }()
	_, err = io.Copy(target, source)
	return err
}

// Move renames a file or directory, and makes the parent directories of its new path.
func Move(from, to string) error {
	if _, err := os.Lstat(from); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	return os.Rename(from, to)
}

// IsDirectory reports whether path is a directory, or a link to one.
func IsDirectory(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
