package images

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/kmodtest/kmodtest/images/internal/bootimage"
)

// kept are the parts of a kernel's tree that a build of modules reads, and the configuration.
var kept = []string{
	"Makefile", "Kbuild", ".config", "Module.symvers", "include", "scripts", "tools/objtool/objtool",
	"arch/x86/Makefile", "arch/x86/Makefile.cpu", "arch/x86/Makefile_32.cpu", "arch/x86/Makefile.um", "arch/x86/Makefile.postlink",
	"arch/x86/Kbuild", "arch/x86/include", "arch/x86/kernel/macros.s", "COPYING",
}

// collect moves the required parts of a built tree to their places in the entry, and removes the rest.
func (b *build) collect(ctx context.Context, runner *makeRun) (*record, error) {
	text, err := os.ReadFile(filepath.Join(b.tree, "include/config/kernel.release"))
	if err != nil {
		return nil, fmt.Errorf("read release of kernel: %w", err)
	}
	release := strings.TrimSpace(string(text))
	r := &record{Release: release, Build: "build", Modules: "lib/modules/" + release}
	if err := b.collectImage(ctx, runner, r); err != nil {
		return nil, err
	}
	modules, err := treeModules(b.tree)
	if err != nil {
		return nil, err
	}
	if err := installModules(ctx, b.tree, modules, b.entry, release); err != nil {
		return nil, err
	}
	to := filepath.Join(b.entry, r.Build)
	if err := moveKept(b.tree, to); err != nil {
		return nil, fmt.Errorf("keep files for building modules: %w", err)
	}
	if err := os.Symlink("../../../build", filepath.Join(b.entry, r.Modules, "build")); err != nil {
		return nil, fmt.Errorf("link modules to their build directory: %w", err)
	}
	if err := os.RemoveAll(b.tree); err != nil {
		return nil, fmt.Errorf("remove sources: %w", err)
	}
	return r, nil
}

// collectImage moves the kernel out of the tree: vmlinux if it has a PVH entry point, else a bzImage,
// which it makes first.
func (b *build) collectImage(ctx context.Context, runner *makeRun, r *record) error {
	image, name := "vmlinux", "vmlinux-"+r.Release
	if !bootimage.HasPVHEntry(filepath.Join(b.tree, image)) {
		image, name = "arch/x86/boot/bzImage", "vmlinuz-"+r.Release
		if err := runner.run(ctx, nil, "bzImage"); err != nil {
			return err
		}
	}
	r.Image = filepath.Join("boot", name)
	r.Boot = r.Image
	if err := move(filepath.Join(b.tree, image), filepath.Join(b.entry, r.Image)); err != nil {
		return fmt.Errorf("keep kernel: %w", err)
	}
	return nil
}

func moveKept(tree, to string) error {
	for _, name := range kept {
		err := move(filepath.Join(tree, name), filepath.Join(to, name))
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

// move renames a file or directory, and makes the parent directories of its new path.
func move(from, to string) error {
	if _, err := os.Lstat(from); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	return os.Rename(from, to)
}
