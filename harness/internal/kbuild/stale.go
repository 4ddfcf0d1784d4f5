package kbuild

import (
	"bytes"
	"os"
	"path/filepath"

	"github.com/kmodtest/kmodtest/harness/internal/copytree"
	"github.com/kmodtest/kmodtest/images/plainpath"
)

// isStale reports whether make could take objects for up to date that are not: make knows
// of the files that the compiler has read, but not that one of them is gone, that a new
// header comes before the one that was included, or what makefiles and scripts have read.
func (t *tree) isStale(l *copytree.Listing, accessTimes bool, view plainpath.View) (bool, error) {
	if len(t.state.Copied) == 0 {
		return false, nil
	}
	read := func(name string) bool { return !accessTimes || copytree.WasRead(filepath.Join(t.copy(), name)) }
	for name, at := range t.state.Copied {
		f := l.File(name)
		if f == nil && read(name) {
			return true, nil
		}
		if f == nil {
			continue
		}
		if isCompiled(name) {
			if at.Digest != "" && !f.Readable() { // it has no copy any more
				return true, nil
			}
			continue
		}
		if digest, err := f.Digest(); err != nil || digest != at.Digest && read(name) {
			return true, err
		}
	}
	added := map[string]bool{} // names of new headers, without their directories
	for _, f := range l.Files {
		if _, had := t.state.Copied[f.Name]; !had && copytree.IsSourceLike(f.Name) && filepath.Ext(f.Name) != ".c" {
			added[filepath.Base(f.Name)] = true
		}
	}
	if len(added) == 0 {
		return false, nil
	}
	included, err := allDependencies(t.copy(), view)
	if err != nil {
		return false, err
	}
	for _, path := range included {
		if added[filepath.Base(path)] {
			return true, nil
		}
	}
	return asksForHeaders(l), nil
}

// isCompiled reports whether a file is one for the compiler, whose dependencies make
// knows.
func isCompiled(name string) bool {
	switch filepath.Ext(name) {
	case ".c", ".h", ".S", ".s", ".rs":
		return true
	}
	return false
}

// asksForHeaders reports whether any source compiles differently if a header exists.
func asksForHeaders(l *copytree.Listing) bool {
	for _, f := range l.Files {
		if f.Link != "" || !isCompiled(f.Name) {
			continue
		}
		text, err := os.ReadFile(f.Path)
		if err == nil && bytes.Contains(text, []byte("__has_include")) {
			return true
		}
	}
	return false
}

// empty removes the copy with all objects. What earlier builds have made stays known.
func (t *tree) empty() error {
	t.state.Copied, t.state.Prepared = nil, nil
	if err := os.RemoveAll(t.copy()); err != nil {
		return err
	}
	return os.Mkdir(t.copy(), 0o700)
}
