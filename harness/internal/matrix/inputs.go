package matrix

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kmodtest/kmodtest/harness/internal/guestrun"
	"github.com/kmodtest/kmodtest/harness/internal/plan"
)

// Inputs returns the packages with tests that match the patterns, the directories of all
// packages that programs of the Go module import, and the files that differ from a commit
// of git, new ones among them. All paths are relative to the repository.
func Inputs(ctx context.Context, patterns []string, since string) (packages []plan.Package, programs, files []string, err error) {
	top, err := git(ctx, ".", "rev-parse", "--show-toplevel")
	if err != nil {
		return nil, nil, nil, err
	}
	if files, err = changedFiles(ctx, top, since); err != nil {
		return nil, nil, nil, err
	}
	found, err := findPackages(ctx, "", patterns)
	if err != nil {
		return nil, nil, nil, err
	}
	admit(found, guestrun.HasTable)
	for _, pkg := range found {
		if pkg.leftOut != "" {
			continue
		}
		deps, err := depDirs(ctx, top, "-test", pkg.path)
		if err != nil {
			return nil, nil, nil, err
		}
		packages = append(packages, plan.Package{Path: pkg.path, Dir: relative(top, pkg.dir), Deps: deps})
	}
	programs, err = programDirs(ctx, top)
	return packages, programs, files, err
}

// programDirs returns the directories of all packages that the programs of the Go module in
// the working directory import.
func programDirs(ctx context.Context, top string) ([]string, error) {
	root, err := goCommand(ctx, "", "list", "-e", "-f", `{{if eq .Name "main"}}{{.ImportPath}}{{end}}`, "all")
	if err != nil {
		return nil, fmt.Errorf("list programs: %w", err)
	}
	mains := strings.Fields(string(root))
	if len(mains) == 0 {
		return nil, nil
	}
	return depDirs(ctx, top, mains...)
}

// depDirs returns the directories in the repository of packages and of all that they
// import.
func depDirs(ctx context.Context, top string, args ...string) ([]string, error) {
	out, err := goCommand(ctx, "", append([]string{"list", "-e", "-deps", "-json=Dir"}, args...)...)
	if err != nil {
		return nil, fmt.Errorf("list packages: %w", err)
	}
	var dirs []string
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var one struct{ Dir string }
		if err := decoder.Decode(&one); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("list packages: read the output of go list: %w", err)
		}
		if dir := relative(top, one.Dir); one.Dir != "" && filepath.IsLocal(dir) {
			dirs = append(dirs, dir)
		}
	}
	slices.Sort(dirs)
	return slices.Compact(dirs), nil
}

// relative returns the path of a directory in the repository, or dir if it is elsewhere.
func relative(top, dir string) string {
	if resolved, err := filepath.EvalSymlinks(dir); err == nil { // git's path of the repository is real
		dir = resolved
	}
	if rel, err := filepath.Rel(top, dir); err == nil && filepath.IsLocal(rel) {
		return rel
	}
	return dir
}

// changedFiles returns the files that differ from a commit, and those that git does not
// track and does not ignore.
func changedFiles(ctx context.Context, top, since string) ([]string, error) {
	commit, err := git(ctx, top, "rev-parse", "--verify", "--quiet", "--end-of-options", since+"^{commit}")
	if err != nil {
		return nil, fmt.Errorf("there is no commit %q in %s; a shallow clone has few", since, top)
	}
	differing, err := git(ctx, top, "diff", "--name-only", "--no-renames", "-z", commit, "--")
	if err != nil {
		return nil, err
	}
	added, err := git(ctx, top, "ls-files", "--others", "--exclude-standard", "-z")
	if err != nil {
		return nil, err
	}
	return strings.FieldsFunc(differing+"\x00"+added, func(c rune) bool { return c == 0 }), nil
}

// Commit returns the commit of the repository that the working directory is in, or "" if
// there is no commit or files differ from it.
func Commit(ctx context.Context) string {
	id, err := git(ctx, ".", "rev-parse", "HEAD")
	if err != nil {
		return ""
	}
	if changes, err := git(ctx, ".", "status", "--porcelain"); err != nil || changes != "" {
		return ""
	}
	return id
}

func git(ctx context.Context, dir string, args ...string) (string, error) {
	out, err := output(ctx, dir, "git", args...)
	return strings.TrimRight(string(out), "\n"), err
}
