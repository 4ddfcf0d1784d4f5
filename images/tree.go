package images

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kmodtest/kmodtest/images/internal/bootimage"
)

// treeImages are the images that a build tree may have, the preferred one first.
var treeImages = []string{"arch/x86/boot/bzImage", "vmlinux"}

// isBuildTree reports whether dir is a kernel's source or output directory that has been configured.
// It also returns true for a package of headers; findInTree rejects that, as it has no image.
func isBuildTree(dir string) bool {
	return isFile(filepath.Join(dir, "Makefile")) && isFile(filepath.Join(dir, ".config"))
}

// findInTree returns the kernel that was built in a tree; image is "" for the preferred one.
func findInTree(tree, image string) (*place, error) {
	if image == "" {
		for _, name := range slices.Backward(treeImages) {
			if path := filepath.Join(tree, name); isFile(path) {
				image = path
			}
		}
	}
	if image == "" {
		return nil, fmt.Errorf("this build tree has no kernel image: build it with make -C %s; "+
			"or if it is only a package of headers, name the directory with boot/vmlinuz-RELEASE, such as /", tree)
	}
	release, err := treeRelease(tree, image)
	if err != nil {
		return nil, err
	}
	for _, need := range []string{"Module.symvers", "scripts/mod/modpost"} {
		if !isFile(filepath.Join(tree, need)) {
			return nil, fmt.Errorf("modules cannot be built against this tree: it has no %s; set CONFIG_MODULES=y and run make -C %s", need, tree)
		}
	}
	modules, err := treeModules(tree)
	if err != nil {
		return nil, err
	}
	key := newFingerprint()
	key.file(image)
	key.text(release)
	for _, module := range modules {
		key.file(filepath.Join(tree, module))
	}
	for _, name := range treeLists {
		key.file(filepath.Join(tree, name))
	}
	key.buildDirectory(tree)
	p := &place{release: release, image: image, build: tree}
	if len(modules) > 0 {
		p.modules = filepath.Join("lib/modules", release)
		p.steps = []step{func(ctx context.Context, entry string) error {
			return installModules(ctx, tree, modules, entry, release)
		}}
	}
	p.key, err = key.hex()
	return p, err
}

// treeRelease returns the release of the tree, and checks that the image has the same release.
func treeRelease(tree, image string) (string, error) {
	text, err := os.ReadFile(filepath.Join(tree, "include/config/kernel.release"))
	if err != nil {
		return "", fmt.Errorf("read release of build tree: %w; run make -C %s", err, tree)
	}
	release := strings.TrimSpace(string(text))
	inImage, err := bootimage.Release(image)
	switch {
	case errors.Is(err, bootimage.ErrNotBzImage):
		return release, nil // the release of a vmlinux is not checked
	case err != nil:
		return "", err
	case inImage != release:
		return "", fmt.Errorf("the image %s has release %s, but the tree has release %s: run make -C %s", image, inImage, release, tree)
	}
	return release, nil
}

// treeModules returns the modules that were built in a tree, relative to it.
func treeModules(tree string) ([]string, error) {
	text, err := os.ReadFile(filepath.Join(tree, "modules.order"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list modules of tree: %w", err)
	}
	var modules []string
	for line := range strings.FieldsSeq(string(text)) {
		// Some versions list objects, and some prepend the directory for installed modules.
		module := strings.TrimSuffix(strings.TrimSuffix(line, ".ko"), ".o") + ".ko"
		if rest, ok := strings.CutPrefix(module, "kernel/"); ok && !isFile(filepath.Join(tree, module)) {
			module = rest
		}
		if !isFile(filepath.Join(tree, module)) {
			return nil, fmt.Errorf("the module %s is not built: run make -C %s", module, tree)
		}
		modules = append(modules, module)
	}
	return modules, nil
}

// treeLists are lists that are installed with the modules, copied from the tree.
var treeLists = []string{"modules.builtin", "modules.builtin.modinfo"}

// installModules replaces make modules_install, which may write into the tree.
func installModules(ctx context.Context, tree string, modules []string, entry, release string) error {
	dir := filepath.Join(entry, "lib/modules", release)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("install modules: %w", err)
	}
	var order strings.Builder
	for _, module := range modules {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("install modules: %w", err)
		}
		if err := copyFile(filepath.Join(tree, module), filepath.Join(dir, "kernel", module)); err != nil {
			return fmt.Errorf("install modules: %w", err)
		}
		order.WriteString("kernel/" + module + "\n")
	}
	if err := os.WriteFile(filepath.Join(dir, "modules.order"), []byte(order.String()), 0o644); err != nil {
		return fmt.Errorf("install modules: %w", err)
	}
	for _, name := range treeLists {
		err := copyFile(filepath.Join(tree, name), filepath.Join(dir, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("install modules: %w", err)
		}
	}
	return Depmod(ctx, entry, release)
}

// copyFile copies the content of a file, and makes the parent directories of the copy.
func copyFile(from, to string) (err error) {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = source.Close() }()
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	target, err := os.Create(to)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, target.Close()) }()
	_, err = io.Copy(target, source)
	return err
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
