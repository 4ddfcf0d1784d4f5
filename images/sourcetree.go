package images

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/kmodtest/kmodtest/images/internal/command"
	"github.com/kmodtest/kmodtest/images/internal/files"
	"github.com/kmodtest/kmodtest/images/internal/fingerprint"
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
		if !files.Is(filepath.Join(dir, "Kconfig")) || !files.Is(filepath.Join(dir, "Makefile")) {
			return "", fmt.Errorf("%s is not a kernel source directory: it requires Kconfig and Makefile", dir)
		}
		state := fingerprint.New()
		state.Tree(dir)
		return state.Hex()
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

// unpackSource fills the tree to build in, and returns the origin of its sources.
func (b *build) unpackSource(ctx context.Context) (origin, error) {
	if b.row.Source.Path == "" {
		archive, from, err := b.fetchSource(ctx)
		if err != nil {
			return from, err
		}
		return from, b.tree.Unpack(ctx, archive, "--strip-components=1")
	}
	state, err := b.row.treeState(ctx)
	if err != nil {
		return origin{}, err
	}
	dir := b.row.sourcePath()
	from := origin{Name: dir, Sum: state}
	if b.row.Source.Ref == "" {
		return from, b.tree.Copy(ctx, dir)
	}
	from.Version = state[:12]
	archive := filepath.Join(b.entry, "src.tar")
	if _, err := gitIn(ctx, dir, "archive", "--format=tar", "-o", archive, state); err != nil {
		return from, fmt.Errorf("extract %s from %s: %w", b.row.Source.Ref, dir, err)
	}
	if err := b.tree.Unpack(ctx, archive); err != nil {
		return from, err
	}
	return from, os.Remove(archive)
}
