// Package repositories installs packages of repositories in formats other than apt's.
package repositories

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/kmodtest/kmodtest/images/buildroot"
	"github.com/kmodtest/kmodtest/images/internal/apt"
	"github.com/kmodtest/kmodtest/images/internal/keyring"
	"github.com/kmodtest/kmodtest/images/internal/progress"
	"github.com/kmodtest/kmodtest/images/internal/unpack"
)

// Format is a format of repositories whose packages have the type P.
type Format[P any] struct {
	// Read returns the packages of a repository. It may write to the directory scratch.
	Read func(ctx context.Context, address, scratch string, show func(percent float64)) ([]P, error)
	// Fetch downloads a package to the directory dir, verifies it, and returns the path of its file.
	Fetch func(ctx context.Context, p P, keys keyring.Keys, dir string, show func(percent float64)) (string, error)
	// Unpack unpacks the file of a package.
	Unpack func(p P, file string, target *unpack.Target) error
	// Closure returns the packages with these names and all that they depend on.
	Closure func(all []P, names []string) ([]P, error)
	// Record returns what is recorded of an installed package.
	Record func(P) apt.Package
	// Lists is the part of the work, in percent, that Read has.
	Lists float64
}

// Set is the packages of some repositories.
type Set[P any] struct {
	All    []P
	format Format[P]
	keys   keyring.Keys
}

// Open reads repositories whose packages are signed with keys from a file. It may write to the directory scratch.
func (f Format[P]) Open(ctx context.Context, addresses []string, keys, scratch string, show *progress.Progress) (Set[P], error) {
	s := Set[P]{format: f}
	var err error
	if s.keys, err = keyring.Read(keys); err != nil {
		return s, err
	}
	for _, address := range addresses {
		packages, err := f.Read(ctx, address, scratch, show.Part(0, f.Lists))
		if err != nil {
			return s, err
		}
		s.All = append(s.All, packages...)
	}
	return s, nil
}

// Install fetches, verifies and unpacks packages into dir.
func (s Set[P]) Install(ctx context.Context, packages []P, dir string, show *progress.Progress) (records []apt.Package, err error) {
	target, err := unpack.Open(dir)
	if err != nil {
		return nil, err
	}
	defer target.Close()
	// Files are fetched beside dir, where no package has put a link.
	scratch, err := os.MkdirTemp(filepath.Dir(dir), filepath.Base(dir)+"-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	for i, p := range packages {
		at := func(n int) float64 { return s.format.Lists + (100-s.format.Lists)*float64(n)/float64(len(packages)) }
		file, err := s.format.Fetch(ctx, p, s.keys, scratch, show.Part(at(i), at(i+1)))
		if err != nil {
			return nil, err
		}
		if err := errors.Join(s.format.Unpack(p, file, target), os.Remove(file)); err != nil {
			return nil, err
		}
		records = append(records, s.format.Record(p))
	}
	return records, nil
}

// MakeRoot installs the packages with these names, and all that they depend on, into dir, and makes it a build root.
func (s Set[P]) MakeRoot(ctx context.Context, names []string, dir string, show *progress.Progress) error {
	packages, err := s.format.Closure(s.All, names)
	if err != nil {
		return fmt.Errorf("resolve the packages of the build root: %w", err)
	}
	show.Line("fetching %d packages: %s", len(packages), strings.Join(names, ", "))
	if _, err := s.Install(ctx, packages, dir, show); err != nil {
		return err
	}
	return buildroot.Finish(dir, "usr/share", "var")
}
