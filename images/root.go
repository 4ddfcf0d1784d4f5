package images

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/kmodtest/kmodtest/images/arch"
	"github.com/kmodtest/kmodtest/images/cache"
	"github.com/kmodtest/kmodtest/images/internal/hosttools"
	"github.com/kmodtest/kmodtest/images/internal/progress"
)

// rootLayout is like layout, but for build roots.
const rootLayout = "1"

// withRoot adds the build root to a kernel, unless the host's own compiler and libraries fit the kernel. A root is fetched
// when it is first needed.
func withRoot(ctx context.Context, kernel *Kernel, entry string, row Row, opt Options) error {
	r, err := readRecord(entry)
	if err != nil || len(r.Needs) == 0 {
		return err
	}
	why, err := hosttools.Unfit(ctx, filepath.Join(opt.Cache, "fits"), kernel.Key, kernel.Build, row.target)
	if err != nil || why == "" {
		return err
	}
	kernel.Root.Name = row.origin()
	kernel.Root.Dir, err = rootFor(ctx, row, r, "because "+why, opt)
	return err
}

// rootFor returns the build root for a kernel from the cache. If it is not there, it is fetched first; reason is printed then.
func rootFor(ctx context.Context, row Row, r record, reason string, opt Options) (string, error) {
	slices.Sort(r.Needs)
	needs := slices.Compact(r.Needs)
	key := cache.Digest(slices.Concat([]string{rootLayout, arch.Host().Name}, row.provider().Place(), needs)...)[:32]
	dir, err := cache.Entry(ctx, filepath.Join(opt.Cache, "roots"), key, func(ctx context.Context, tmp string) error {
		show := progress.New(opt.Progress)
		defer show.Close()
		show.Line("modules for kernel %s are built with the tools of %s, %s", row.Name, row.origin(), reason)
		return blameDisk(tmp, row.provider().fetchRoot(ctx, row, opt, needs, tmp, show))
	})
	if err != nil {
		return "", fmt.Errorf("fetch the build root of kernel %s: %w", row.Name, err)
	}
	return dir, nil
}
