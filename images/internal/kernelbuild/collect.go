package kernelbuild

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/kmodtest/kmodtest/images/internal/bootimage"
	"github.com/kmodtest/kmodtest/images/internal/files"
)

// kept returns the parts of a kernel's tree that a build of modules reads, and the configuration.
func (t *Tree) kept() []string {
	names := []string{"Makefile", "Kbuild", ".config", "Module.symvers", "include", "scripts", "tools/objtool/objtool", "COPYING"}
	for _, name := range []string{
		"Makefile", "Makefile.cpu", "Makefile_32.cpu", "Makefile.um", "Makefile.postlink", "Kbuild", "include", "kernel/macros.s",
	} {
		names = append(names, filepath.Join("arch", t.Arch.Source, name))
	}
	return names
}

// Kernel names the parts of a built kernel, by paths relative to the directory that has them.
type Kernel struct {
	Release string
	Image   string // the file to boot
	Build   string // the directory to build modules in
	Modules string // the directory with modules.dep
}

// Collect moves the required parts of a built tree to a directory, and removes the rest.
func (t *Tree) Collect(ctx context.Context, to string) (*Kernel, error) {
	text, err := os.ReadFile(filepath.Join(t.Dir, "include/config/kernel.release"))
	if err != nil {
		return nil, fmt.Errorf("read release of kernel: %w", err)
	}
	release := strings.TrimSpace(string(text))
	k := &Kernel{Release: release, Build: "build", Modules: "lib/modules/" + release}
	if k.Image, err = t.collectImage(ctx, release, to); err != nil {
		return nil, err
	}
	modules, err := Modules(t.Dir)
	if err != nil {
		return nil, err
	}
	if err := InstallModules(ctx, t.Dir, modules, to, release); err != nil {
		return nil, err
	}
	if err := t.moveKept(filepath.Join(to, k.Build)); err != nil {
		return nil, fmt.Errorf("keep files for building modules: %w", err)
	}
	if err := os.Symlink("../../../build", filepath.Join(to, k.Modules, "build")); err != nil {
		return nil, fmt.Errorf("link modules to their build directory: %w", err)
	}
	if err := os.RemoveAll(t.Dir); err != nil {
		return nil, fmt.Errorf("remove sources: %w", err)
	}
	return k, nil
}

// collectImage moves the kernel out of the tree, and returns its new path: vmlinux if it has a PVH entry point, else the
// image of its architecture, which it makes first.
func (t *Tree) collectImage(ctx context.Context, release, to string) (string, error) {
	image, name := "vmlinux", "vmlinux-"+release
	if !bootimage.HasPVHEntry(filepath.Join(t.Dir, image)) {
		image, name = t.Arch.Image, "vmlinuz-"+release
		if err := t.make(ctx, nil, filepath.Base(image)); err != nil {
			return "", err
		}
	}
	path := filepath.Join("boot", name)
	if err := files.Move(filepath.Join(t.Dir, image), filepath.Join(to, path)); err != nil {
		return "", fmt.Errorf("keep kernel: %w", err)
	}
	return path, nil
}

func (t *Tree) moveKept(to string) error {
	for _, name := range t.kept() {
		err := files.Move(filepath.Join(t.Dir, name), filepath.Join(to, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // not every kernel has all of them
			return err
		}
	}
	return filepath.WalkDir(to, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		unneeded := strings.HasSuffix(path, ".o") || strings.HasSuffix(path, ".a") || strings.HasSuffix(path, ".cmd") && !strings.Contains(path, "/include/")
		if entry.Type() == fs.ModeSymlink {
			_, err := os.Stat(path)
			unneeded = errors.Is(err, fs.ErrNotExist) // its target is not kept
		}
		if unneeded {
			return os.Remove(path)
		}
		return nil
	})
}
