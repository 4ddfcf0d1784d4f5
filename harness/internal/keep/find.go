package keep

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// Guest is the files of a guest.
type Guest interface {
	// Changed reports whether the host does not have a file as it is now.
	Changed(name string, info fs.FileInfo) bool
	// Untouched reports whether all files below a directory are as on the host.
	Untouched(dir string) bool
}

// Find returns the regular files of a guest that the patterns name and that have
// changed. It finds one more than a guest may send, so that the limit is noticed. problems
// describe directories that could not be read.
func Find(patterns []string, guest Guest) (found, problems []string) {
	s := &search{guest: guest}
	for _, pattern := range patterns {
		s.pattern = pattern
		_ = filepath.WalkDir(Stem(pattern)+"/.", s.visit) // the stem may be a link; visit returns no error of its own
	}
	slices.Sort(s.found)
	return slices.Compact(s.found), s.problems
}

// search looks for the files that patterns name, one pattern after the other.
type search struct {
	guest           Guest
	pattern         string
	found, problems []string
}

func (s *search) visit(name string, d fs.DirEntry, err error) error {
	name = filepath.Clean(name)
	switch {
	case len(s.found) > wire.MaxFiles:
		return fs.SkipAll
	case errors.Is(err, fs.ErrNotExist): // or it has just been removed
		return nil
	case err != nil:
		s.note(err)
		return nil
	case d.IsDir() && (IsForbidden(name) || !leads(s.pattern, name) || s.guest.Untouched(name)):
		return fs.SkipDir
	case !d.Type().IsRegular() || !Matches(s.pattern, name):
		return nil
	}
	if info, err := d.Info(); err == nil && s.guest.Changed(name, info) {
		s.add(name)
	}
	return nil
}

// add adds a file, unless its name is one that the host refuses.
func (s *search) add(name string) {
	if err := wire.CheckName(Below(s.pattern, name)); err != nil {
		s.note(fmt.Errorf("%q: %w", name, err))
		return
	}
	s.found = append(s.found, name)
}

// maxProblems is how many problems are described.
const maxProblems = 20

func (s *search) note(err error) {
	if len(s.problems) < maxProblems {
		s.problems = append(s.problems, "find files that are kept: "+err.Error())
	}
}
