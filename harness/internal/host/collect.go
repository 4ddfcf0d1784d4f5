package host

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/kmodtest/kmodtest/harness/internal/coverprofile"
	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// result is a place on the host for files that the guest sends back: the guest can
// write nowhere else.
type result struct {
	path string // of a file, or of a directory
	kind resultKind
}

type resultKind int

const (
	outputFile resultKind = iota // one file, which is replaced
	outputTree                   // a directory below which files of any name are replaced
	coverData                    // a directory in which files with the names of coverage data are replaced
	corpus                       // a directory below which new inputs of fuzz targets appear
)

// coverName is the name that the Go runtime gives to a file of coverage data.
var coverName = regexp.MustCompile(`^cov(meta|counters)\.[0-9a-f.]+$`)

// maxLevels is how many directories below a tree a file may be.
const maxLevels = 32

// inputName is the name that the testing package gives to an input below the
// directory of a corpus.
var inputName = regexp.MustCompile(`^Fuzz[\pL\pN_]*/[0-9a-f]{16}$`)

// createResult makes a file that the guest sends back.
func createResult(head wire.FileHead, results []result) (wire.Sink, error) {
	path := filepath.Clean("/" + head.Name)
	if !head.Mode.IsRegular() {
		return nil, fmt.Errorf("the guest sent %q, which is not a regular file (%v)", path, head.Mode)
	}
	for _, r := range results {
		name, below := strings.CutPrefix(path, r.path+"/")
		switch {
		case r.kind == outputFile && path == r.path:
			return newFile(path)
		case r.kind == outputTree && below && isPlainPath(name):
			if strings.Count(name, "/") > maxLevels {
				return nil, fmt.Errorf("the guest sent a file that is more than %d directories below %s", maxLevels, r.path)
			}
			return newFileBelow(r.path, name, false)
		case r.kind == coverData && below && coverName.MatchString(name):
			return newFileBelow(r.path, name, false)
		case r.kind == corpus && below && inputName.MatchString(name):
			return newFileBelow(r.path, name, true)
		}
	}
	return nil, fmt.Errorf("the guest sent %q, which no flag asks for", path)
}

// isPlainPath reports whether a path consists of printable names.
func isPlainPath(path string) bool {
	return utf8.ValidString(path) && !strings.ContainsFunc(path, func(c rune) bool { return !unicode.IsPrint(c) })
}

// memorySink keeps a cover profile in memory.
type memorySink struct{ *bytes.Buffer }

// Write keeps p.
func (s memorySink) Write(p []byte) (int, error) {
	if s.Len()+len(p) > coverprofile.MaxSize {
		return 0, fmt.Errorf("the guest sent a cover profile of more than %d MiB", coverprofile.MaxSize>>20)
	}
	return s.Buffer.Write(p)
}

// Commit does nothing.
func (memorySink) Commit() error { return nil }

// Discard drops the received content.
func (s memorySink) Discard() { s.Reset() }

// newFile makes the file at path, which the user has named.
func newFile(path string) (wire.Sink, error) {
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		f, err := os.OpenFile(path, os.O_WRONLY, 0) // such as /dev/stdout
		return &device{f}, err
	}
	return newFileBelow(filepath.Dir(path), filepath.Base(path), false)
}

// device is a file that is written in place.
type device struct{ *os.File }

// Commit closes the file.
func (d *device) Commit() error { return d.Close() }

// Discard closes the file.
func (d *device) Discard() { d.Close() }

// newFileBelow makes the file with that name below a directory, which it makes if
// it does not exist. No link leads out of the directory. A file that exists is
// replaced or, with exclusive, an error.
func newFileBelow(dir, name string, exclusive bool) (wire.Sink, error) {
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
