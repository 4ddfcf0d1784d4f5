package kbuild

import (
	"bytes"
	"os"
	"path/filepath"

	"github.com/kmodtest/kmodtest/images/plainpath"
)

// isStale reports whether make could take objects for up to date that are not: make knows
// of the files that the compiler has read, but not that one of them is gone, that a new
// header comes before the one that was included, or what makefiles and scripts have read.
func (t *tree) isStale(l *listing, accessTimes bool, view plainpath.View) (bool, error) {
	if len(t.state.Copied) == 0 {
		return false, nil
	}
	read := func(name string) bool { return !accessTimes || wasRead(filepath.Join(t.copy(), name)) }
	for name, at := range t.state.Copied {
		f := l.byName[name]
		if f == nil && read(name) {
			return true, nil
		}
		if f == nil || isCompiled(name) {
			continue
		}
		if digest, err := f.digest(); err != nil || digest != at.Digest && read(name) {
			return true, err
		}
	}
	added := map[string]bool{} // names of new headers, without their directories
	for _, f := range l.files {
		if _, had := t.state.Copied[f.name]; !had && isSourceLike(f.name) && filepath.Ext(f.name) != ".c" {
			added[filepath.Base(f.name)] = true
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
	return l.asksForHeaders(), nil
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
func (l *listing) asksForHeaders() bool {
	for _, f := range l.files {
		if f.link != "" || !isCompiled(f.name) {
			continue
		}
		text, err := os.ReadFile(f.path)
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
