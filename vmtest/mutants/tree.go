// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// A tree is a copy of the repository that patches are applied to.
type tree struct{ dir string }

// copyTree copies the repository at root to dir: the files that git tracks or does
// not ignore, or all files if root is not in a git repository.
func copyTree(ctx context.Context, root, dir string) (tree, error) {
	files, err := repositoryFiles(ctx, root)
	if err != nil {
		return tree{}, fmt.Errorf("list the repository's files: %w", err)
	}
	for _, file := range files {
		err := copyFile(filepath.Join(root, file), filepath.Join(dir, file))
		if errors.Is(err, fs.ErrNotExist) {
			continue // deleted since the last commit
		}
		if err != nil {
			return tree{}, fmt.Errorf("copy the repository: %w", err)
		}
	}
	return tree{dir}, nil
}

func repositoryFiles(ctx context.Context, root string) ([]string, error) {
	out, err := exec.CommandContext(ctx, "git", "-C", root, "ls-files", "-z", "-co", "--exclude-standard").Output()
	if err == nil {
		return strings.FieldsFunc(string(out), func(r rune) bool { return r == 0 }), nil
	}
	var files []string
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && d.Name() == ".git":
			return fs.SkipDir
		case d.IsDir():
			return ctx.Err()
		}
		file, err := filepath.Rel(root, path)
		files = append(files, file)
		return err
	})
	return files, err
}

// copyFile copies a file or a symbolic link.
func copyFile(from, to string) error {
	info, err := os.Lstat(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		target, err := os.Readlink(from)
		if err != nil {
			return err
		}
		return os.Symlink(target, to)
	}
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, content, info.Mode().Perm())
}

// apply applies a mutant's patch, completely or not at all.
func (t tree) apply(ctx context.Context, m mutant) error {
	if err := t.git(ctx, "apply", m.path); err != nil {
		return fmt.Errorf("apply %s: %w", filepath.Base(m.path), err)
	}
	return nil
}

// revert reverts apply.
func (t tree) revert(ctx context.Context, m mutant) error {
	if err := t.git(ctx, "apply", "--reverse", m.path); err != nil {
		return fmt.Errorf("revert %s: %w", filepath.Base(m.path), err)
	}
	return nil
}

func (t tree) git(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = t.dir
	// The copy is not a repository. If git found one in a parent directory, it
	// would patch other files or none.
	cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "GIT_") })
	cmd.Env = append(cmd.Env, "GIT_CEILING_DIRECTORIES="+filepath.Dir(t.dir))
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}
