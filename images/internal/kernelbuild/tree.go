// Package kernelbuild builds a kernel from its sources.
package kernelbuild

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/kmodtest/kmodtest/images/arch"
	"github.com/kmodtest/kmodtest/images/internal/command"
	"github.com/kmodtest/kmodtest/images/internal/files"
)

// Tree is a directory with a kernel's sources, in which the kernel is built.
type Tree struct {
	Dir       string
	Arch      arch.Arch
	Variables []string // NAME=VALUE, for make
	Log       *os.File // gets the output of make
}

// machines are directories below arch. A build for a machine reads only Kconfig files of the others.
var machines = []string{
	"alpha", "arc", "arm", "arm64", "csky", "hexagon", "ia64", "loongarch", "m68k", "microblaze", "mips", "nds32", "nios2",
	"openrisc", "parisc", "powerpc", "riscv", "s390", "sh", "sparc", "x86", "xtensa",
}

// neverRead returns patterns for tar of files that a build does not read, a third of all sources.
func (t *Tree) neverRead() []string {
	patterns := []string{"*/Documentation/*.rst", "*/Documentation/*.txt", "*/Documentation/*.yaml", "*/Documentation/*.svg", "*/tools/testing"}
	for _, machine := range machines {
		if machine == t.Arch.Source {
			continue
		}
		for _, files := range []string{"*.[chS]", "*.dts", "*.dtsi", "*.dtso"} {
			patterns = append(patterns, "*/arch/"+machine+"/"+files)
		}
	}
	return patterns
}

// Unpack makes the tree from an archive, with more arguments for tar.
func (t *Tree) Unpack(ctx context.Context, archive string, args ...string) error {
	if err := os.Mkdir(t.Dir, 0o700); err != nil {
		return fmt.Errorf("make directory for sources: %w", err)
	}
	tar, err := command.Find("tar", "tar")
	if err != nil {
		return err
	}
	args = append([]string{"-x", "-f", archive, "-C", t.Dir, "--no-same-owner"}, args...)
	for _, pattern := range t.neverRead() {
		args = append(args, "--exclude="+pattern)
	}
	if _, err := (command.Command{Path: tar, Args: args}).Run(ctx); err != nil {
		return fmt.Errorf("unpack sources: %w", err)
	}
	if !files.Is(filepath.Join(t.Dir, "Kconfig")) {
		return errors.New("the archive does not hold kernel sources: there is no file Kconfig in its top directory")
	}
	return nil
}

// Copy makes the tree from a source directory, without .git. It may have files of an earlier build, which Configure
// removes.
func (t *Tree) Copy(ctx context.Context, from string) error {
	err := filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.Name() == ".git" {
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		relative, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		return errors.Join(ctx.Err(), copyEntry(path, filepath.Join(t.Dir, relative), entry))
	})
	if err != nil {
		return fmt.Errorf("copy sources: %w", err)
	}
	return nil
}

func copyEntry(from, to string, entry fs.DirEntry) error {
	switch entry.Type() {
	case fs.ModeDir:
		return os.MkdirAll(to, 0o700)
	case fs.ModeSymlink:
		target, err := os.Readlink(from)
		if err != nil {
			return err
		}
		return os.Symlink(target, to)
	case 0:
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if err := files.Copy(from, to); err != nil {
			return err
		}
		return os.Chmod(to, info.Mode().Perm()|0o200)
	default:
		return nil // such as a socket
	}
}
