package kbuild

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kmodtest/kmodtest/harness/internal/copytree"
	"github.com/kmodtest/kmodtest/harness/internal/kcompiler"
	"github.com/kmodtest/kmodtest/images/plainpath"
)

// inputs returns the record of a build that has passed: all that it and earlier builds
// in the tree have read.
func (m *maker) inputs(ctx context.Context, l *copytree.Listing) (record, error) {
	r := record{All: m.src.readsAnything() || !m.accessTimes, Inputs: map[string]string{}}
	r.Names = l.Names(r.All)
	reads, err := m.compilerReads(ctx)
	if err != nil {
		return r, err
	}
	for _, f := range l.Files {
		if r.All || slices.Contains(reads.inside, f.Name) || f.Link == "" && copytree.WasRead(filepath.Join(m.copy(), f.Name)) {
			if r.Inputs[f.Name], err = f.Digest(); err != nil {
				return r, err
			}
		}
	}
	for _, path := range reads.outside {
		if r.Inputs[path], err = copytree.Digest(path); err != nil {
			return r, err
		}
	}
	r.Outside = reads.outside
	return r, nil
}

// reads are the files that the compiler has read.
type reads struct {
	inside  []string // paths relative to the copy
	outside []string // absolute paths of files that are neither in the copy nor part of the kernel or the compiler
}

// compilerReads reads the .cmd files that the kernel's build system writes.
func (m *maker) compilerReads(ctx context.Context) (reads, error) {
	var r reads
	paths, err := allDependencies(m.copy(), m.view)
	if err != nil {
		return r, err
	}
	known := append(kernelDirs(m.kernel.Build, paths), compilerDir(ctx, m.tools))
	for _, path := range paths {
		if !filepath.IsAbs(path) { // of the kernel or, since Linux 6.13, of the module
			for _, rel := range m.src.dirs() {
				r.inside = append(r.inside, filepath.Join(rel, path))
			}
			continue
		}
		path = filepath.Clean(path)
		if inside, ok := copytree.Below(m.copy(), path); ok {
			r.inside = append(r.inside, inside)
		} else if isFile(path) && !slices.ContainsFunc(known, func(dir string) bool { _, ok := copytree.Below(dir, path); return ok }) {
			r.outside = append(r.outside, path)
		}
	}
	return r, nil
}

// allDependencies returns the files that the .cmd files in a copy name.
func allDependencies(copied string, view plainpath.View) ([]string, error) {
	var paths []string
	err := filepath.WalkDir(copied, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasPrefix(entry.Name(), ".") || filepath.Ext(path) != ".cmd" {
			return err
		}
		text, err := os.ReadFile(path)
		paths = append(paths, dependencies(view.Back(string(text)))...)
		return err
	})
	slices.Sort(paths)
	return slices.Compact(paths), err
}

// dependencies returns the files that a .cmd file names: in the variables source_NAME,
// a path, and deps_NAME, paths on lines of their own.
func dependencies(text string) []string {
	var paths []string
	in := false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "source_"):
			_, path, _ := strings.Cut(line, ":=")
			paths = append(paths, strings.TrimSpace(path))
		case strings.HasPrefix(line, "deps_"):
			in = true
		case in:
			path, more := strings.CutSuffix(line, "\\")
			if path = strings.TrimSpace(path); path != "" && !strings.HasPrefix(path, "$(") {
				paths = append(paths, path)
			}
			in = more
		}
	}
	return paths
}

// kernelDirs returns the directories of a kernel's headers. Every object of a module
// includes linux/kconfig.h, which is where the kernel's sources are.
func kernelDirs(build string, paths []string) []string {
	dirs := []string{build}
	for _, path := range paths {
		if dir, ok := strings.CutSuffix(path, "/include/linux/kconfig.h"); ok && filepath.IsAbs(dir) {
			dirs = append(dirs, filepath.Clean(dir))
		}
	}
	for _, dir := range dirs {
		if target, err := filepath.EvalSymlinks(dir); err == nil {
			dirs = append(dirs, target)
		}
	}
	return dirs
}

// compilerDir returns the directory of the compiler's own headers.
func compilerDir(ctx context.Context, t kcompiler.Tools) string {
	cmd := exec.CommandContext(ctx, t.Compiler, "-print-file-name=include")
	t.Root.Wrap(cmd)
	out, err := cmd.Output()
	dir := strings.TrimSpace(string(out))
	if err != nil || !filepath.IsAbs(dir) {
		return "/nowhere"
	}
	return filepath.Clean(dir)
}

// builtModules returns the modules that a build has made, at any depth of the copy of
// its sources. Some
// makefiles put a second copy of a module into another directory; it counts once.
func builtModules(copied string) ([]string, error) {
	byName := map[string]string{}
	err := filepath.WalkDir(copied, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() || filepath.Ext(path) != ".ko" {
			return err
		}
		name := ModuleName(path)
		if other, twice := byName[name]; !twice || isLinked(path) && !isLinked(other) {
			byName[name] = path
		} else if isLinked(path) && isLinked(other) {
			other, _ := copytree.Below(copied, other)
			this, _ := copytree.Below(copied, path)
			return fmt.Errorf("the build makes two modules of one name, %s and %s: name the directory of one of them in Config.Builds, Dirs", other, this)
		}
		return nil
	})
	var paths []string
	for _, path := range byName {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	return paths, err
}

// isLinked reports whether the kernel's build system linked this .ko file, here.
func isLinked(ko string) bool {
	return isFile(strings.TrimSuffix(ko, ".ko") + ".mod.c")
}
