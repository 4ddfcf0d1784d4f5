// Package dkms reads dkms.conf, the file that tells DKMS how to build a package of
// kernel modules, for one kernel. The file is a shell script; package interp of
// mvdan.cc/sh interprets it, so that conditions, loops and functions work. It may
// run few other programs, and writes no files.
package dkms

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// FileName is the name of the file in a package's directory.
const FileName = "dkms.conf"

// Kernel is the kernel that a package is read for.
type Kernel struct {
	Release string // the output of uname -r
	Build   string // the directory for make -C
	Arch    string // the output of uname -m
	Copy    string // stands in commands for the directory that they run in, a copy of the package's
	Tree    string // stands in commands for Build
}

// Package is a package of modules, as its dkms.conf describes it for one kernel.
type Package struct {
	Name     string   // PACKAGE_NAME
	Version  string   // PACKAGE_VERSION
	Prepare  string   // shell command that applies the patches and runs PRE_BUILD; "" if there are none
	Make     string   // shell command that builds the modules, see Kernel.Copy and Kernel.Tree
	Modules  []Module // in the order of the file
	Requires []string // BUILD_DEPENDS: names of packages that must be built before
	Path     string   // of the dkms.conf
	line     int      // of BUILD_DEPENDS
}

// Module is a module that the package's build makes.
type Module struct {
	File string // its .ko file, relative to the package's directory
	Dest string // DEST_MODULE_NAME: the name of the installed file, without suffix
}

// Error reports that a dkms.conf cannot be used.
type Error struct {
	Path    string
	Line    int // 0 if the error is not that of a line
	Problem string
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return e.Path + ": " + e.Problem
	}
	return fmt.Sprintf("%s:%d: %s", e.Path, e.Line, e.Problem)
}

// NotApplicableError reports that a package is not for the kernel: its dkms.conf says so.
type NotApplicableError struct {
	Path   string
	Line   int    // of the directive
	Reason string // the directive, and what the kernel has instead
}

func (e *NotApplicableError) Error() string {
	return fmt.Sprintf("%s:%d: not for this kernel: %s", e.Path, e.Line, e.Reason)
}

// After returns an *Error if the package requires one that is not among those that have
// been built before.
func (p *Package) After(built []string) error {
	for _, name := range p.Requires {
		if !slices.Contains(built, name) {
			return &Error{p.Path, p.line, fmt.Sprintf("BUILD_DEPENDS names the package %s: its directory must come first in harness.Config.Modules", name)}
		}
	}
	return nil
}

// Has reports whether a directory has a dkms.conf.
func Has(dir string) (bool, error) {
	info, err := os.Stat(filepath.Join(dir, FileName))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil && info.Mode().IsRegular(), err
}

// Read reads the dkms.conf of a directory, which must be an absolute path. If the
// file cannot be used, the error is an *Error; if the package is not for the kernel,
// it is a *NotApplicableError.
func Read(ctx context.Context, dir string, kernel Kernel) (*Package, error) {
	path := filepath.Join(dir, FileName)
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the module's configuration: %w", err)
	}
	found, err := interpret(ctx, path, text, kernel)
	if err != nil {
		return nil, err
	}
	config, err := os.ReadFile(filepath.Join(kernel.Build, ".config"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the kernel's configuration: %w", err)
	}
	if err := found.applies(kernel, config); err != nil {
		return nil, err
	}
	return found.pack(dir, kernel)
}
