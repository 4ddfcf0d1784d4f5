package bisect

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// tests are the files of the working tree that take the places of a commit's: those of
// which the test binary is made, and what the user names. All paths are relative to the
// repository.
type tests struct {
	top   string   // of the repository
	dirs  []string // whose Go files are replaced
	trees []string // that are replaced as a whole: testdata, and what the user names
	files []string
}

// besideModule are the files that belong to the tests in the directory of a Go module or
// workspace.
var besideModule = []string{"go.mod", "go.sum", "go.work", "go.work.sum", "kernels.toml", "kmodtest.toml", "vendor/modules.txt"}

// listedPackage is go list's description of a package.
type listedPackage struct {
	Dir    string
	Module *struct{ Dir string }

	GoFiles, CgoFiles, CFiles, CXXFiles, HFiles, SFiles, SysoFiles, EmbedFiles []string
	TestGoFiles, TestEmbedFiles, XTestGoFiles, XTestEmbedFiles                 []string
}

func (p *listedPackage) files() []string {
	return slices.Concat(p.GoFiles, p.CgoFiles, p.CFiles, p.CXXFiles, p.HFiles, p.SFiles, p.SysoFiles, p.EmbedFiles,
		p.TestGoFiles, p.TestEmbedFiles, p.XTestGoFiles, p.XTestEmbedFiles)
}

// findTests returns the files of the tests of the package in dir, and of the packages in
// the repository that they import. more has further files and directories.
func findTests(ctx context.Context, top, dir string, more []string) (*tests, error) {
	t := &tests{top: top}
	packages, err := listDeps(ctx, dir)
	if err != nil {
		return nil, err
	}
	for i := range packages {
		t.add(&packages[i], dir)
	}
	for _, name := range more {
		rel, ok := t.inside(name)
		if !ok || rel == "." {
			return nil, fmt.Errorf("%s is not a file or directory in the repository %s", name, top)
		}
		t.trees = append(t.trees, rel)
	}
	return t, nil
}

func listDeps(ctx context.Context, dir string) ([]listedPackage, error) {
	cmd := exec.CommandContext(ctx, "go", "list", "-deps", "-test", "-json", ".")
	cmd.Dir = dir
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("list the packages of the test: go list: %w\n%s", err, strings.TrimSpace(stderr.String()))
	}
	var all []listedPackage
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listedPackage
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, fmt.Errorf("list the packages of the test: read the output of go list: %w", err)
		}
		all = append(all, p)
	}
}

// add adds the files of a package, if it is in the repository. dir is the directory of
// the package under test.
func (t *tests) add(p *listedPackage, dir string) {
	rel, ok := t.inside(p.Dir)
	if !ok {
		return
	}
	if !slices.Contains(t.dirs, rel) {
		t.dirs = append(t.dirs, rel)
	}
	for _, name := range p.files() {
		if !filepath.IsAbs(name) { // else go list means a file that the go command makes
			t.addFile(path.Join(rel, name))
		}
	}
	if p.Dir == dir {
		t.trees = append(t.trees, path.Join(rel, "testdata"))
		slices.Sort(t.trees)
		t.trees = slices.Compact(t.trees)
	}
	if p.Module == nil {
		return
	}
	root, ok := t.inside(p.Module.Dir)
	for ; ok; root = path.Dir(root) {
		for _, name := range besideModule {
			if info, err := os.Stat(filepath.Join(t.top, root, name)); err == nil && info.Mode().IsRegular() {
				t.addFile(path.Join(root, name))
			}
		}
		if root == "." {
			break
		}
	}
}

func (t *tests) addFile(name string) {
	if !slices.Contains(t.files, name) {
		t.files = append(t.files, name)
	}
}

// inside returns a path relative to the repository, and whether it is in it.
func (t *tests) inside(name string) (string, bool) {
	if name == "" {
		return "", false
	}
	if resolved, err := filepath.EvalSymlinks(name); err == nil { // git's path of the repository is real
		name = resolved
	}
	rel, err := filepath.Rel(t.top, name)
	return rel, err == nil && filepath.IsLocal(rel)
}

// copyTo puts the files into another work tree of the repository. Nothing outside of it
// is written, even if the commit has symbolic links.
func (t *tests) copyTo(to string) error {
	root, err := os.OpenRoot(to)
	if err != nil {
		return err
	}
	defer root.Close()
	for _, dir := range t.dirs {
		if err := removeGoFiles(root, dir); err != nil {
			return err
		}
	}
	for _, tree := range t.trees {
		if err := root.RemoveAll(tree); err != nil {
			return err
		}
		if err := t.copyTree(root, tree); err != nil {
			return err
		}
	}
	for _, name := range t.files {
		if err := t.copyFile(root, name); err != nil {
			return err
		}
	}
	return nil
}

// removeGoFiles removes the Go files in a directory: those that the commit alone has
// must not become part of the tests.
func removeGoFiles(root *os.Root, dir string) error {
	entries, err := fs.ReadDir(root.FS(), dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, entry := range entries {
		if err == nil && strings.HasSuffix(entry.Name(), ".go") && !entry.IsDir() {
			err = root.Remove(path.Join(dir, entry.Name()))
		}
	}
	return err
}

// copyTree copies a file or a directory. One that does not exist is left out.
func (t *tests) copyTree(root *os.Root, tree string) error {
	err := filepath.WalkDir(filepath.Join(t.top, tree), func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		rel, err := filepath.Rel(t.top, name)
		if err != nil {
			return err
		}
		return t.copyFile(root, rel)
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// copyFile copies a file or a symbolic link.
func (t *tests) copyFile(root *os.Root, name string) error {
	from := filepath.Join(t.top, name)
	info, err := os.Lstat(from)
	if err != nil {
		return err
	}
	if err := root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return err
	}
	if err := root.RemoveAll(name); err != nil {
		return err
	}
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		target, err := os.Readlink(from)
		if err != nil {
			return err
		}
		return root.Symlink(target, name)
	case info.Mode().IsRegular():
		text, err := os.ReadFile(from)
		if err != nil {
			return err
		}
		return root.WriteFile(name, text, info.Mode().Perm())
	}
	return nil // a socket, or another file that git does not know either
}
