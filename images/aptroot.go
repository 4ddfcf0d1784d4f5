package images

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kmodtest/kmodtest/images/buildroot"
	"github.com/kmodtest/kmodtest/images/internal/apt"
	"github.com/kmodtest/kmodtest/images/internal/progress"
)

// basePackages are what make, scripts of the kernel's build system, and Prepare commands of simple modules run, besides the
// compiler: most are in every Debian system.
func basePackages() []string {
	return []string{
		"base-files", "bash", "binutils", "coreutils", "dash", "diffutils", "findutils", "grep", "gzip", "make", "mawk", "perl-base",
		"sed", "tar", "xz-utils",
	}
}

func (a *Apt) fetchRoot(ctx context.Context, row Row, opt Options, needs []string, root string, show *progress.Progress) error {
	scratch := filepath.Join(root, "apt")
	if err := os.Mkdir(scratch, 0o700); err != nil {
		return fmt.Errorf("make directory for apt: %w", err)
	}
	archive, err := row.archive(ctx, opt, scratch)
	if err != nil {
		return err
	}
	if err := archive.Update(ctx, show.Part(0, 10)); err != nil {
		return err
	}
	packages, err := archive.Closure(ctx, needs)
	if err != nil {
		return err
	}
	packages = slices.DeleteFunc(packages, func(p apt.Package) bool { return isKernelPackage(p.Name) })
	show.Line("fetching %d packages: %s", len(packages), strings.Join(needs, ", "))
	files, err := archive.Download(ctx, scratch, packages, show.Part(10, 70))
	if err != nil {
		return err
	}
	if err := unpackDebs(ctx, files, root, show.Part(70, 100)); err != nil {
		return err
	}
	for _, name := range []string{"apt", "usr/share", "var", "usr/lib/systemd"} {
		if err := os.RemoveAll(filepath.Join(root, name)); err != nil {
			return fmt.Errorf("remove files that no build reads: %w", err)
		}
	}
	return buildroot.Finish(root)
}

// isKernelPackage reports whether a package has a kernel or its headers, which a build root does not need.
func isKernelPackage(name string) bool {
	for _, prefix := range []string{"linux-headers-", "linux-kbuild-", "linux-image-", "linux-modules-"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}
