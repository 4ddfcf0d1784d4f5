package images

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kmodtest/kmodtest/images/arch"
	"github.com/kmodtest/kmodtest/images/buildroot"
	"github.com/kmodtest/kmodtest/images/internal/apt"
	"github.com/kmodtest/kmodtest/images/internal/debian"
	"github.com/kmodtest/kmodtest/images/internal/progress"
)

func (a *Apt) fetchRoot(ctx context.Context, row Row, opt Options, needs []string, root string, show *progress.Progress) error {
	scratch := filepath.Join(root, "apt")
	if err := os.Mkdir(scratch, 0o700); err != nil {
		return fmt.Errorf("make directory for apt: %w", err)
	}
	archive, err := openArchive(ctx, row, opt, arch.Host(), scratch)
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
	packages = slices.DeleteFunc(packages, func(p apt.Package) bool { return debian.IsKernel(p.Name) })
	show.Line("fetching %d packages: %s", len(packages), strings.Join(needs, ", "))
	files, err := archive.Download(ctx, scratch, packages, show.Part(10, 70))
	if err != nil {
		return err
	}
	if err := unpackDebs(ctx, files, root, show.Part(70, 100)); err != nil {
		return err
	}
	return buildroot.Finish(root, "apt", "usr/share", "var", "usr/lib/systemd")
}
