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

// results puts files that come back from a guest to where the tests' flags want
// them. The guest can name no other place.
type results struct {
	asked []string
	kept  map[string]*bytes.Buffer // files that go there instead of to a place on the disk
}

func (r results) create(head wire.FileHead) (wire.Sink, error) {
	path := filepath.Clean("/" + head.Name)
	if !head.Mode.IsRegular() || !slices.ContainsFunc(r.asked, func(want string) bool {
		return path == want || strings.HasPrefix(path, want+"/")
	}) {
		return nil, fmt.Errorf("the guest sent %s (%v), which nothing had asked for", path, head.Mode)
	}
	if buf, ok := r.kept[path]; ok {
		buf.Reset()
		return keeper{buf}, nil
	}
	return newResult(path)
}

// keeper is a file that is kept in memory.
type keeper struct{ *bytes.Buffer }

// Commit has nothing left to do.
func (keeper) Commit() error { return nil }

// Discard forgets what there is of the file.
func (k keeper) Discard() { k.Reset() }

// newResult starts a file.
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

// result is a file that arrives: it is there as a whole or not at all.
type result struct {
	*os.File
	path string // its place, unless it is written there at once
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

// Discard removes what there is of the file.
func (r *result) Discard() {
	r.Close()
	if r.path != "" {
		os.Remove(r.Name())
	}
}
