package place

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/kmodtest/kmodtest/images/depmod"
	"github.com/kmodtest/kmodtest/images/internal/bootimage"
	"github.com/kmodtest/kmodtest/images/internal/files"
	"github.com/kmodtest/kmodtest/images/internal/fingerprint"
	"github.com/kmodtest/kmodtest/images/internal/packageroot"
)

// findImages returns the kernel images in root/boot, each once: links to other images are left out.
func findImages(root string) ([]string, error) {
	found, err := files.Glob(root, "boot/vmlinuz*")
	if err != nil {
		return nil, fmt.Errorf("look for kernel images: %w", err)
	}
	var images []string
	seen := map[string]bool{}
	for _, image := range found {
		target, err := filepath.EvalSymlinks(image)
		if err != nil || seen[target] || !files.Is(target) {
			continue // a link to a kernel that was removed, or one of several to the same
		}
		seen[target] = true
		images = append(images, target)
	}
	return images, nil
}

// findInstalled returns the kernel of an image in root/boot, with its modules and headers below root.
func findInstalled(root, image string) (*Place, error) {
	release, err := bootimage.Release(image)
	if errors.Is(err, bootimage.ErrNotBzImage) {
		release = strings.TrimPrefix(filepath.Base(image), "vmlinuz-")
	} else if err != nil {
		return nil, err
	}
	modules, err := modulesDir(root, release)
	if err != nil {
		return nil, err
	}
	build, err := buildDir(root, modules, release)
	if err != nil {
		return nil, err
	}
	key := fingerprint.New()
	key.File(image)
	key.Text(release)
	key.Tree(modules)
	key.BuildDirectory(build)
	p := &Place{Release: release, Image: image, Build: build, Modules: modules}
	if !files.Is(filepath.Join(modules, "modules.dep")) {
		p.Modules = filepath.Join("lib/modules", release)
		p.steps = append(p.steps, func(ctx context.Context, entry string) error {
			return copyModules(ctx, modules, entry, release)
		})
	}
	if moved(root, build) {
		if p.Build, err = filepath.Rel(root, build); err != nil {
			return nil, fmt.Errorf("find headers: %w", err)
		}
		p.steps = append(p.steps, func(_ context.Context, entry string) error {
			return copyHeaders(root, p.Build, entry)
		})
	}
	p.Key, err = key.Hex()
	return p, err
}

// modulesDir returns the directory with the modules of a release.
func modulesDir(root, release string) (string, error) {
	for _, lib := range []string{"lib/modules", "usr/lib/modules"} {
		dir := filepath.Join(root, lib, release)
		if info, err := os.Stat(dir); err == nil && info.IsDir() {
			return dir, nil
		}
	}
	return "", fmt.Errorf("the kernel's release is %s, but there is no directory %s", release, filepath.Join(root, "lib/modules", release))
}

// buildDir returns the directory to build modules in, without links in its path. An absolute link in
// a package is relative to root.
func buildDir(root, modules, release string) (string, error) {
	link := filepath.Join(modules, "build")
	candidates := []string{link, filepath.Join(root, "usr/src/linux-headers-"+release)}
	if target, err := os.Readlink(link); err == nil && filepath.IsAbs(target) {
		candidates = append([]string{filepath.Join(root, target)}, candidates...)
	}
	for _, dir := range candidates {
		if !files.Is(filepath.Join(dir, "Makefile")) {
			continue
		}
		dir, err := filepath.EvalSymlinks(dir)
		if err != nil {
			return "", fmt.Errorf("find headers: %w", err)
		}
		return dir, nil
	}
	return "", fmt.Errorf("modules cannot be built: there is no Makefile in %s; install the headers of this kernel (Debian: linux-headers-%s)", link, release)
}

// moved reports whether the makefiles of build, below root, include others by absolute paths, which are
// right only in a system whose root directory is root.
func moved(root, build string) bool {
	text, err := os.ReadFile(filepath.Join(build, "Makefile"))
	below := strings.HasPrefix(build, filepath.Clean(root)+"/")
	return err == nil && filepath.Clean(root) != "/" && below && packageroot.HasAbsoluteIncludes(text)
}

// copyModules copies a directory with modules that has no modules.dep, and makes that file.
func copyModules(ctx context.Context, modules, entry, release string) error {
	to := filepath.Join(entry, "lib/modules", release)
	err := filepath.WalkDir(modules, func(path string, file fs.DirEntry, err error) error {
		if err != nil || !file.Type().IsRegular() {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		relative, err := filepath.Rel(modules, path)
		if err != nil {
			return err
		}
		return files.Copy(path, filepath.Join(to, relative))
	})
	if err != nil {
		return fmt.Errorf("copy modules: %w", err)
	}
	return depmod.Run(ctx, entry, release)
}

// copyHeaders copies the packages that a build directory belongs to, and makes the copy work at its
// new path.
func copyHeaders(root, build, entry string) error {
	text, err := os.ReadFile(filepath.Join(root, build, "Makefile"))
	if err != nil {
		return fmt.Errorf("copy headers: %w", err)
	}
	dirs := []string{build}
	for line := range strings.SplitSeq(string(text), "\n") {
		if makefile, ok := strings.CutPrefix(line, "include /"); ok {
			dirs = append(dirs, filepath.Dir(filepath.Clean("/"+makefile)))
		}
	}
	tools, err := files.Glob(root, "usr/lib/linux-kbuild-*")
	if err != nil {
		return fmt.Errorf("copy headers: %w", err)
	}
	for _, dir := range tools {
		dirs = append(dirs, filepath.Join("usr/lib", filepath.Base(dir)))
	}
	for _, dir := range dirs {
		if err := files.CheckLinks(entry, strings.TrimPrefix(dir, "/")); err != nil {
			return fmt.Errorf("copy headers: %w", err)
		}
		if err := os.CopyFS(filepath.Join(entry, dir), os.DirFS(filepath.Join(root, dir))); err != nil {
			return fmt.Errorf("copy headers: %w", err)
		}
	}
	return packageroot.Relocate(entry)
}
