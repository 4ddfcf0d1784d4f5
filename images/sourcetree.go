package images

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/kmodtest/kmodtest/images/internal/command"
)

// sourcePath returns the path of a row's source directory.
func (row Row) sourcePath() string {
	if filepath.IsAbs(row.Source.Path) {
		return row.Source.Path
	}
	return filepath.Join(filepath.Dir(row.Table), row.Source.Path)
}

// treeState returns a string that changes with the sources at a path: the commit, or a fingerprint of
// all files.
func (row Row) treeState(ctx context.Context) (string, error) {
	dir := row.sourcePath()
	if row.Source.Ref == "" {
		if !isFile(filepath.Join(dir, "Kconfig")) || !isFile(filepath.Join(dir, "Makefile")) {
			return "", fmt.Errorf("%s is not a kernel source directory: it requires Kconfig and Makefile", dir)
		}
		state := newFingerprint()
		state.tree(dir)
		return state.hex()
	}
	out, err := gitIn(ctx, dir, "rev-parse", "--verify", "--end-of-options", row.Source.Ref+"^{commit}")
	if err != nil {
		return "", fmt.Errorf("find %s in %s: %w", row.Source.Ref, dir, err)
	}
	return strings.TrimSpace(string(out)), nil
}

func gitIn(ctx context.Context, dir string, args ...string) ([]byte, error) {
	git, err := command.Find("git", "git")
	if err != nil {
		return nil, err
	}
	return command.Command{Path: git, Args: append([]string{"-C", dir}, args...)}.Run(ctx)
}

// unpackSource makes the tree to build in, and returns the origin of its sources.
func (b *build) unpackSource(ctx context.Context) (origin, error) {
	if b.row.Source.Path == "" {
		archive, from, err := b.fetchSource(ctx)
		if err != nil {
			return from, err
		}
		return from, b.untar(ctx, archive, "--strip-components=1")
	}
	state, err := b.row.treeState(ctx)
	if err != nil {
		return origin{}, err
	}
	dir := b.row.sourcePath()
	from := origin{Name: dir, Sum: state}
	if b.row.Source.Ref == "" {
		return from, copySource(ctx, dir, b.tree)
	}
	from.Version = state[:12]
	archive := filepath.Join(b.entry, "src.tar")
	if _, err := gitIn(ctx, dir, "archive", "--format=tar", "-o", archive, state); err != nil {
		return from, fmt.Errorf("extract %s from %s: %w", b.row.Source.Ref, dir, err)
	}
	if err := b.untar(ctx, archive); err != nil {
		return from, err
	}
	return from, os.Remove(archive)
}

// otherMachines are directories below arch. A build for x86 reads only their Kconfig files.
var otherMachines = []string{
	"alpha", "arc", "arm", "arm64", "csky", "hexagon", "ia64", "loongarch", "m68k", "microblaze", "mips", "nds32", "nios2",
	"openrisc", "parisc", "powerpc", "riscv", "s390", "sh", "sparc", "xtensa",
}

// neverRead returns patterns for tar of files that a build does not read, a third of all sources.
func neverRead() []string {
	patterns := []string{"*/Documentation/*.rst", "*/Documentation/*.txt", "*/Documentation/*.yaml", "*/Documentation/*.svg", "*/tools/testing"}
	for _, machine := range otherMachines {
		for _, files := range []string{"*.[chS]", "*.dts", "*.dtsi", "*.dtso"} {
			patterns = append(patterns, "*/arch/"+machine+"/"+files)
		}
	}
	return patterns
}

func (b *build) untar(ctx context.Context, archive string, args ...string) error {
	if err := os.Mkdir(b.tree, 0o700); err != nil {
		return fmt.Errorf("make directory for sources: %w", err)
	}
	tar, err := command.Find("tar", "tar")
	if err != nil {
		return err
	}
	args = append([]string{"-x", "-f", archive, "-C", b.tree, "--no-same-owner"}, args...)
	for _, pattern := range neverRead() {
		args = append(args, "--exclude="+pattern)
	}
	if _, err := (command.Command{Path: tar, Args: args}).Run(ctx); err != nil {
		return fmt.Errorf("unpack sources: %w", err)
	}
	if !isFile(filepath.Join(b.tree, "Kconfig")) {
		return errors.New("the archive does not hold kernel sources: there is no file Kconfig in its top directory")
	}
	b.show.Part(5, 6)(100)
	return nil
}

// copySource copies a source directory without .git. Files of an earlier build are removed later, by
// make mrproper.
func copySource(ctx context.Context, from, to string) error {
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
		return errors.Join(ctx.Err(), copyEntry(path, filepath.Join(to, relative), entry))
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
		if err := copyFile(from, to); err != nil {
			return err
		}
		return os.Chmod(to, info.Mode().Perm()|0o200)
	default:
		return nil // such as a socket
	}
}
