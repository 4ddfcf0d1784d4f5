package host

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// createResult makes a file that the guest sends back. asked are the files and
// directories that the tests' flags name; the guest can write nowhere else.
func createResult(head wire.FileHead, asked []string) (wire.Sink, error) {
	path := filepath.Clean("/" + head.Name)
	if !head.Mode.IsRegular() || !slices.ContainsFunc(asked, func(want string) bool {
		return path == want || strings.HasPrefix(path, want+"/")
	}) {
		return nil, fmt.Errorf("the guest sent %s (%v), which no flag asks for", path, head.Mode)
	}
	return newResult(path)
}

// memorySink keeps a file in memory.
type memorySink struct{ *bytes.Buffer }

// Commit does nothing.
func (memorySink) Commit() error { return nil }

// Discard forgets what has come of the file.
func (s memorySink) Discard() { s.Reset() }

// newResult makes the file at path.
func newResult(path string) (*result, error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		f, err := os.OpenFile(path, os.O_WRONLY, 0) // such as /dev/stdout
		return &result{File: f}, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-")
	if err != nil {
		return nil, err
	}
	return &result{File: f, path: path}, f.Chmod(0o644)
}

// result is a file that appears in its place when it is complete.
type result struct {
	*os.File
	path string // its place; "" if it is written in place
}

// Commit puts the file in its place.
func (r *result) Commit() error {
	err := r.Close()
	if r.path == "" {
		return err
	}
	if err == nil {
		err = os.Rename(r.Name(), r.path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(r.Name()))
	}
	return nil
}

// Discard removes what has come of the file.
func (r *result) Discard() {
	r.Close()
	if r.path != "" {
		os.Remove(r.Name())
	}
}
