package plan

import (
	"path"
	"slices"
	"strings"
)

// Package is a package with tests, for Changed. Directories are relative to the repository.
type Package struct {
	Path string
	Dir  string
	Deps []string // directories of the packages that it and its tests import
}

// Changed returns the packages whose inputs may be among the files that have changed. The
// files that a module is built of, and that a guest gets, are not known before a run. So
// a file is no input of a package only if that is certain: the tests of another package,
// a Go file of a package that neither this one nor a program imports, and what the table
// calls unrelated. programs are the directories of all packages that programs import.
func (t *Table) Changed(packages []Package, programs, files []string) []Package {
	var changed []Package
	for _, pkg := range packages {
		if slices.ContainsFunc(files, func(file string) bool { return !t.isUnrelated(file) && pkg.mayRead(file, programs) }) {
			changed = append(changed, pkg)
		}
	}
	return changed
}

// mayRead reports whether a file may be an input of the package.
func (p *Package) mayRead(file string, programs []string) bool {
	dir := path.Dir(file)
	switch {
	case dir == p.Dir || strings.HasPrefix(dir, p.Dir+"/") || p.Dir == ".":
		return true
	case !strings.HasSuffix(file, ".go"):
		return true
	case strings.HasSuffix(file, "_test.go"):
		return false
	}
	return slices.Contains(p.Deps, dir) || slices.Contains(programs, dir)
}

// isUnrelated reports whether a pattern of the table matches the file or one of the
// directories that it is in.
func (t *Table) isUnrelated(file string) bool {
	for name := file; name != "."; name = path.Dir(name) {
		if matches(t.Unrelated, name) || name == file && matches(t.Unrelated, path.Base(name)) {
			return true
		}
	}
	return false
}
