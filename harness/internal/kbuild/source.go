package kbuild

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Source describes how modules are built from a directory.
type Source struct {
	Root    string   // absolute path of the directory that is copied
	Dirs    []string // directories below Root that are built, in this order; none means Root itself
	Make    []string // variables for make, NAME=VALUE
	Prepare string   // shell command that runs in the copy of Root before the build, unless it is ""
	// Command is a shell command that builds the modules, in the copy of Root, instead
	// of the kernel's build system in Dirs, unless it is "". It gets Make in its environment.
	Command string
	// Load are the modules to load, in this order, each with its parameters: "m size=4".
	// nil means all; empty but not nil means none.
	Load []string
	// Coverage compiles the modules so that they count what is executed, as gcov
	// needs it. Their counters refer to symbols of package modcov's module.
	Coverage bool
	// FaultWalk adds the code of package modfail to the modules: their calls go to its
	// module if that is loaded before them.
	FaultWalk bool
}

// dirs returns the directories that the kernel's build system builds.
func (s Source) dirs() []string {
	switch {
	case s.Command != "":
		return nil
	case len(s.Dirs) == 0:
		return []string{"."}
	}
	return s.Dirs
}

// readsAnything reports whether programs other than the compiler read files of the
// copy, so that all of it is an input of the build.
func (s Source) readsAnything() bool { return s.Prepare != "" || s.Command != "" }

// check returns an error if the source has nothing to build.
func (s Source) check() error {
	if info, err := os.Stat(s.Root); err != nil {
		return fmt.Errorf("read module sources: %w", err)
	} else if !info.IsDir() {
		return fmt.Errorf("%s is neither the directory of a kernel module nor a .ko file", s.Root)
	}
	for _, rel := range s.dirs() {
		dir := filepath.Join(s.Root, rel)
		if strings.ContainsAny(rel, " \t:\"") {
			return fmt.Errorf("%s: make cannot build in a directory below Root whose name has a space, a colon or a quote", dir)
		}
		if s.Prepare == "" && !isFile(filepath.Join(dir, "Kbuild")) && !isFile(filepath.Join(dir, "Makefile")) {
			err := fmt.Errorf("%s is not the source of a kernel module: it has neither a Kbuild nor a Makefile", dir)
			if elsewhere := adviseOnDirs(dir); elsewhere != "" {
				err = fmt.Errorf("%w; %s", err, elsewhere)
			}
			return err
		}
	}
	return nil
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
