package images

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/kmodtest/kmodtest/images/cache"
	"github.com/kmodtest/kmodtest/images/plainpath"
)

// place is a kernel found at a path.
type place struct {
	release string
	image   string // its path
	build   string // directory to build modules in, relative to the entry if a step makes it
	modules string // directory with modules.dep, or "", relative to the entry if a step makes it
	key     string
	steps   []step // make the missing parts in a cache entry
}

// step makes a part of a cache entry.
type step func(ctx context.Context, entry string) error

// resolvePath returns the kernel at a path.
func resolvePath(ctx context.Context, name string, opt Options) (*Kernel, error) {
	path, err := filepath.Abs(name)
	if err != nil {
		return nil, fmt.Errorf("find kernel at %s: %w", name, err)
	}
	found, err := findPlace(path)
	if err != nil {
		return nil, fmt.Errorf("find kernel at %s: %w", name, err)
	}
	if err := found.prepare(ctx, opt); err != nil {
		return nil, fmt.Errorf("prepare kernel at %s: %w", name, err)
	}
	boot, err := bootFile(ctx, found.image, opt)
	if err != nil {
		return nil, fmt.Errorf("prepare kernel at %s: %w", name, err)
	}
	return &Kernel{
		Name: name, Release: found.release, Image: found.image, Boot: boot, Build: found.build, Modules: found.modules, Key: found.key,
	}, nil
}

// findPlace returns the kernel at a path.
func findPlace(path string) (*place, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w; to use a kernel's name instead of a path, write it without a slash: %s", err, strings.Join(Names(), ", "))
	}
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
func findImagePlace(image string) (*place, error) {
	dir, base := filepath.Split(image)
	dir = filepath.Clean(dir)
	if filepath.Base(dir) == "boot" && strings.HasPrefix(base, "vmlinuz") {
		return findInstalled(filepath.Dir(dir), image)
	}
	for _, name := range treeImages {
		if tree, ok := strings.CutSuffix(image, "/"+name); ok && isBuildTree(tree) {
			return findInTree(tree, image)
		}
	}
	return nil, fmt.Errorf("the file is neither boot/vmlinuz-RELEASE nor %s in a kernel build tree", strings.Join(treeImages, " or "))
}

// prepare makes the missing parts of a place in the cache. If no part is missing, it does not use the
// cache.
func (p *place) prepare(ctx context.Context, opt Options) error {
	if len(p.steps) == 0 {
		return nil
	}
	dir := filepath.Join(opt.Cache, "paths")
	if !plainpath.IsPlain(dir) {
		if err := cache.MakeDir(opt.Cache); err != nil {
			return err
		}
		if _, err := plainpath.New(ctx, opt.Cache); err != nil {
			return err
		}
	}
	family := digest(p.image)[:16] + "-"
	entry, err := cache.Entry(ctx, dir, family+digest(layout, p.key)[:32], func(ctx context.Context, tmp string) error {
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
	if !filepath.IsAbs(p.build) {
		p.build = filepath.Join(entry, p.build)
	}
	if p.modules != "" && !filepath.IsAbs(p.modules) {
		p.modules = filepath.Join(entry, p.modules)
	}
	return nil
}

// prune removes entries of the same kernel that have not been used for a day: every build of a tree
// needs a new entry and makes the older ones useless. A day is longer than any run that may still use
// one.
func prune(dir, family string) error {
	old, err := glob(dir, family+"*")
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
