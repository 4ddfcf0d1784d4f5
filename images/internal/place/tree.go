package place

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kmodtest/kmodtest/images/arch"
	"github.com/kmodtest/kmodtest/images/internal/bootimage"
	"github.com/kmodtest/kmodtest/images/internal/files"
	"github.com/kmodtest/kmodtest/images/internal/fingerprint"
	"github.com/kmodtest/kmodtest/images/internal/kernelbuild"
)

// images returns the images that a build tree for an architecture may have, the preferred one first. Only an x86 machine
// can boot vmlinux.
func images(of arch.Arch) []string {
	if of.Source != "x86" {
		return []string{of.Image}
	}
	return []string{of.Image, "vmlinux"}
}

// isBuildTree reports whether dir is a kernel's source or output directory that has been configured.
// It also returns true for a package of headers; findInTree rejects that, as it has no image.
func isBuildTree(dir string) bool {
	return files.Is(filepath.Join(dir, "Makefile")) && files.Is(filepath.Join(dir, ".config"))
}

// findInTree returns the kernel that was built in a tree; image is "" for the preferred one.
func findInTree(tree, image string) (*Place, error) {
	if image == "" {
		for _, name := range slices.Backward(images(arch.OfBuild(tree))) {
			if path := filepath.Join(tree, name); files.Is(path) {
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
		if !files.Is(filepath.Join(tree, need)) {
			return nil, fmt.Errorf("modules cannot be built against this tree: it has no %s; set CONFIG_MODULES=y and run make -C %s", need, tree)
		}
	}
	modules, err := kernelbuild.Modules(tree)
	if err != nil {
		return nil, err
	}
	key := fingerprint.New()
	key.File(image)
	key.Text(release)
	for _, module := range modules {
		key.File(filepath.Join(tree, module))
	}
	for _, name := range kernelbuild.Lists {
		key.File(filepath.Join(tree, name))
	}
	key.BuildDirectory(tree)
	p := &Place{Release: release, Image: image, Build: tree}
	if len(modules) > 0 {
		p.Modules = filepath.Join("lib/modules", release)
		p.steps = []step{func(ctx context.Context, entry string) error {
			return kernelbuild.InstallModules(ctx, tree, modules, entry, release)
		}}
	}
	p.Key, err = key.Hex()
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
