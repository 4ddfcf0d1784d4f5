// Package place finds kernels at paths: build trees, and kernels that are installed with their modules and headers.
package place

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/kmodtest/kmodtest/images/arch"
	"github.com/kmodtest/kmodtest/images/cache"
	"github.com/kmodtest/kmodtest/images/internal/files"
	"github.com/kmodtest/kmodtest/images/plainpath"
)

// layout is part of every entry's key: it must change with the contents that are left in an entry.
const layout = "4"

// Place is a kernel found at a path. Its files must not be changed.
type Place struct {
	Release string
	Image   string // its path
	Build   string // directory to build modules in; until Prepare, relative to the entry if a step makes it
	Modules string // directory with modules.dep, or ""; until Prepare, relative to the entry if a step makes it
	Key     string // hash that changes when any of the kernel's files changes
	steps   []step // make the missing parts in a cache entry
}

// step makes a part of a cache entry.
type step func(ctx context.Context, entry string) error

// Find returns the kernel at a path. The error is fs.ErrNotExist if there is nothing.
func Find(path string) (*Place, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return findImagePlace(path)
	}
	if isBuildTree(path) {
		return findInTree(path, "")
	}
	images, err := findImages(path)
	if err != nil {
		return nil, err
	}
	switch len(images) {
	case 0:
		return nil, errors.New("it is neither a kernel build tree (with Makefile and .config), nor a directory with " +
			"boot/vmlinuz-RELEASE and lib/modules/RELEASE, such as / or an unpacked kernel package")
	case 1:
		return findInstalled(path, images[0])
	default:
		return nil, fmt.Errorf("there are %d kernels: name the path of one: %s", len(images), strings.Join(images, ", "))
	}
}

// findImagePlace returns the kernel of an image, in the directory that the image belongs to.
func findImagePlace(image string) (*Place, error) {
	dir, base := filepath.Split(image)
	dir = filepath.Clean(dir)
	if filepath.Base(dir) == "boot" && strings.HasPrefix(base, "vmlinuz") {
		return findInstalled(filepath.Dir(dir), image)
	}
	var names []string
	for _, a := range arch.All() {
		names = append(names, images(a)...)
	}
	for _, name := range names {
		if tree, ok := strings.CutSuffix(image, "/"+name); ok && isBuildTree(tree) {
			return findInTree(tree, image)
		}
	}
	return nil, fmt.Errorf("the file is neither boot/vmlinuz-RELEASE nor %s in a kernel build tree", strings.Join(names, " or "))
}

// Prepare makes the missing parts of a place in a directory of the cache. If no part is missing, it does not use the
// cache.
func (p *Place) Prepare(ctx context.Context, cacheDir string) error {
	if len(p.steps) == 0 {
		return nil
	}
	dir := filepath.Join(cacheDir, "paths")
	if !plainpath.IsPlain(dir) {
		if err := cache.MakeDir(cacheDir); err != nil {
			return err
		}
		if _, err := plainpath.New(ctx, cacheDir); err != nil {
			return err
		}
	}
	family := cache.Digest(p.Image)[:16] + "-"
	entry, err := cache.Entry(ctx, dir, family+cache.Digest(layout, p.Key)[:32], func(ctx context.Context, tmp string) error {
		for _, step := range p.steps {
			if err := step(ctx, tmp); err != nil {
				return err
			}
		}
		return prune(dir, family)
	})
	if err != nil {
		return err
	}
	if !filepath.IsAbs(p.Build) {
		p.Build = filepath.Join(entry, p.Build)
	}
	if p.Modules != "" && !filepath.IsAbs(p.Modules) {
		p.Modules = filepath.Join(entry, p.Modules)
	}
	return nil
}

// prune removes entries of the same kernel that have not been used for a day: every build of a tree
// needs a new entry and makes the older ones useless. A day is longer than any run that may still use
// one.
func prune(dir, family string) error {
	old, err := files.Glob(dir, family+"*")
	if err != nil {
		return fmt.Errorf("remove old entries: %w", err)
	}
	for _, path := range old {
		info, err := os.Stat(path)
		if err != nil || !info.IsDir() || time.Since(info.ModTime()) < 24*time.Hour {
			continue // another run may have removed it
		}
		if err := os.RemoveAll(path); err != nil {
			return fmt.Errorf("remove old entry: %w", err)
		}
	}
	return nil
}
