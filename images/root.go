package images

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kmodtest/kmodtest/images/buildroot"
	"github.com/kmodtest/kmodtest/images/cache"
	"github.com/kmodtest/kmodtest/images/internal/apt"
	"github.com/kmodtest/kmodtest/images/internal/hosttools"
	"github.com/kmodtest/kmodtest/images/internal/progress"
)

// rootLayout is like layout, but for build roots.
const rootLayout = "1"

// basePackages are what make, scripts of the kernel's build system, and Prepare commands of simple modules run, besides the
// compiler: most are in every Debian system.
func basePackages() []string {
	return []string{
		"base-files", "bash", "binutils", "coreutils", "dash", "diffutils", "findutils", "grep", "gzip", "make", "mawk", "perl-base",
		"sed", "tar", "xz-utils",
	}
}

// withRoot adds the build root to a kernel, unless the host's own compiler and libraries fit the kernel. A root is fetched
// when it is first needed.
func withRoot(ctx context.Context, kernel *Kernel, entry string, row Row, opt Options) error {
	r, err := readRecord(entry)
	if err != nil || len(r.Needs) == 0 {
		return err
	}
	why, err := hosttools.Unfit(ctx, filepath.Join(opt.Cache, "fits"), kernel.Key, kernel.Build)
	if err != nil || why == "" {
		return err
	}
	needs := slices.Concat(r.Needs, row.Apt.Tools, basePackages())
	slices.Sort(needs)
	needs = slices.Compact(needs)
	key := row.Apt.Suite + "-" + digest(append([]string{rootLayout, row.Arch, row.Apt.Mirror, row.Apt.Suite, row.Apt.Component}, needs...)...)[:16]
	kernel.Root.Name = row.origin()
	kernel.Root.Dir, err = cache.Entry(ctx, filepath.Join(opt.Cache, "roots"), key, func(ctx context.Context, tmp string) error {
		show := progress.New(opt.Progress)
		defer show.Close()
		show.Line("modules for kernel %s are built with the tools of %s, because %s", row.Name, row.origin(), why)
		return blameDisk(tmp, fetchRoot(ctx, row, opt, needs, tmp, show))
	})
	if err != nil {
		return fmt.Errorf("fetch the build root of kernel %s: %w", row.Name, err)
	}
	return nil
}

// fetchRoot unpacks packages and all that they depend on into a directory.
func fetchRoot(ctx context.Context, row Row, opt Options, needs []string, root string, show *progress.Progress) error {
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
	if err := unpack(ctx, files, root, show.Part(70, 100)); err != nil {
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
