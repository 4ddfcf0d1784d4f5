// Package keep finds the files in a guest that the user wants to keep, by patterns for their
// paths. Package resultfile decides where they go.
package keep

import (
	"path"
	"slices"
	"strings"
)

// Matches reports whether a path is that of a file which a pattern names, or of one in a
// directory which it names. Both are absolute and clean; each part of the pattern is one
// of path.Match.
func Matches(pattern, name string) bool {
	parts, names := split(pattern), split(name)
	return len(names) >= len(parts) && agree(parts, names)
}

// leads reports whether files that a pattern names may be in a directory.
func leads(pattern, dir string) bool {
	parts, names := split(pattern), split(dir)
	return len(names) < len(parts) && agree(parts, names) || Matches(pattern, dir)
}

// agree reports whether the names match the patterns at the same places, as far as there
// are both.
func agree(patterns, names []string) bool {
	for i := range min(len(patterns), len(names)) {
		if ok, err := path.Match(patterns[i], names[i]); err != nil || !ok {
			return false
		}
	}
	return true
}

// split returns the parts of an absolute path.
func split(name string) []string {
	return slices.DeleteFunc(strings.Split(name, "/"), func(part string) bool { return part == "" })
}

// Below returns the path of a file that a pattern names, below the pattern's Stem.
func Below(pattern, name string) string {
	return strings.TrimPrefix(strings.TrimPrefix(name, Stem(pattern)), "/")
}

// Stem returns the directory above all files that a pattern names.
func Stem(pattern string) string {
	parts := split(pattern)
	n := 0
	for n < len(parts)-1 && !strings.ContainsAny(parts[n], `*?[\`) {
		n++
	}
	return "/" + strings.Join(parts[:n], "/")
}

// versionControl are the names of directories in which files can start programs of the
// user.
var versionControl = []string{".git", ".hg", ".svn", ".jj"}

// IsForbidden reports whether a path leads through a directory of version control.
func IsForbidden(name string) bool {
	return slices.ContainsFunc(split(name), func(part string) bool { return slices.Contains(versionControl, part) })
}
