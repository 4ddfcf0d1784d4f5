// Package sourcetree reads a directory with the sources of a kernel, which may be a git repository.
package sourcetree

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/kmodtest/kmodtest/images/internal/command"
	"github.com/kmodtest/kmodtest/images/internal/files"
	"github.com/kmodtest/kmodtest/images/internal/fingerprint"
)

// State returns a string that changes with the sources in a directory: the commit that ref names, or, if ref is "", a
// fingerprint of all files.
func State(ctx context.Context, dir, ref string) (string, error) {
	if ref == "" {
		if !files.Is(filepath.Join(dir, "Kconfig")) || !files.Is(filepath.Join(dir, "Makefile")) {
			return "", fmt.Errorf("%s is not a kernel source directory: it requires Kconfig and Makefile", dir)
		}
		state := fingerprint.New()
		state.Tree(dir)
		return state.Hex()
	}
	out, err := gitIn(ctx, dir, "rev-parse", "--verify", "--end-of-options", ref+"^{commit}")
	if err != nil {
		return "", fmt.Errorf("find %s in %s: %w", ref, dir, err)
	}
	return strings.TrimSpace(string(out)), nil
}

// Archive writes the files of a commit to an archive, which tar can read.
func Archive(ctx context.Context, dir, commit, archive string) error {
	if _, err := gitIn(ctx, dir, "archive", "--format=tar", "-o", archive, commit); err != nil {
		return fmt.Errorf("extract %s from %s: %w", commit, dir, err)
	}
	return nil
}

func gitIn(ctx context.Context, dir string, args ...string) ([]byte, error) {
	git, err := command.Find("git", "git")
	if err != nil {
		return nil, err
	}
	return command.Command{Path: git, Args: append([]string{"-C", dir}, args...)}.Run(ctx)
}
