package images

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/kmodtest/kmodtest/images/cache"
	"github.com/kmodtest/kmodtest/images/depmod"
	"github.com/kmodtest/kmodtest/images/internal/apt"
	"github.com/kmodtest/kmodtest/images/internal/bootimage"
	"github.com/kmodtest/kmodtest/images/internal/files"
	"github.com/kmodtest/kmodtest/images/internal/packageroot"
	"github.com/kmodtest/kmodtest/images/internal/progress"
	"github.com/kmodtest/kmodtest/images/plainpath"
)

// layout is part of every entry's key: with a new number, entries of older versions of this package
// are not used. It must change with the contents that fetching or unpacking leaves in an entry.
const layout = "3"

// kernelTable is the table of a row with the place that a kernel is fetched from.
type kernelTable interface {
	// Check returns an error if a field is missing.
	Check() error
	// Origin names it in a few words.
	Origin() string
	// Place identifies the archive or the repositories, and Contents what is fetched from there, for keys.
	Place() []string
	Contents() []string
}

// provider fetches a kernel from its place.
type provider interface {
	kernelTable
	// fetch unpacks the packages of the kernel into a directory, and returns them, the kernel's first, and the
	// names of the packages that a build root for it needs.
	fetch(ctx context.Context, row Row, opt Options, dir string, show *progress.Progress) (packages []apt.Package, needs []string, err error)
	// fetchRoot unpacks packages and all that they depend on into a directory.
	fetchRoot(ctx context.Context, row Row, opt Options, needs []string, dir string, show *progress.Progress) error
}

// resolveFetched returns a row's kernel from the cache. If it is not there, it is fetched first. A
// cached kernel stays the same when the archive gets a newer one.
func resolveFetched(ctx context.Context, row Row, opt Options) (*Kernel, error) {
	key, err := row.key(ctx)
	if err != nil {
		return nil, fmt.Errorf("fetch kernel %s: %w", row.Name, err)
	}
	entry, err := cache.Entry(ctx, filepath.Join(opt.Cache, "kernels"), key, func(ctx context.Context, tmp string) error {
		return blameDisk(tmp, fetchKernel(ctx, row, opt, tmp))
	})
	if err != nil {
		return nil, fmt.Errorf("fetch kernel %s: %w", row.Name, err)
	}
	kernel, err := readKernel(row, entry)
	if err != nil {
		return nil, err
	}
	return kernel, withRoot(ctx, kernel, entry, row, opt)
}

// fetchKernel fills an entry with the packages of a row's kernel.
func fetchKernel(ctx context.Context, row Row, opt Options, entry string) error {
	if _, err := plainpath.New(ctx, opt.Cache); err != nil { // checked before anything is fetched
		return err
	}
	begin := time.Now()
	show := progress.New(opt.Progress)
	defer show.Close()
	show.Line("fetching kernel %s (%s%s)", row.Name, row.origin(), row.size())
	packages, needs, err := row.provider().fetch(ctx, row, opt, entry, show)
	if err != nil {
		return err
	}
	record, err := complete(ctx, row, entry, packages, needs)
	if err != nil {
		return err
	}
	record.Table = row.Table
	if err := record.write(entry); err != nil {
		return err
	}
	show.Close()
	show.Line("kernel %s is Linux %s, version %s (%.0f s)", row.Name, record.Release, record.Version, time.Since(begin).Seconds())
	return nil
}

// complete makes unpacked packages usable and describes their kernel.
func complete(ctx context.Context, row Row, entry string, packages []apt.Package, needs []string) (record, error) {
	if err := packageroot.Enclose(entry); err != nil {
		return record{}, err
	}
	if row.OCI != nil && files.Is(filepath.Join(entry, recordFile)) {
		return readPushed(row, entry)
	}
	release, err := packageroot.Strip(entry)
	if err != nil {
		return record{}, err
	}
	r := newRecord(release, packages, needs)
	if r.Build, err = packageroot.BuildDirectory(entry, release); err != nil && row.OCI == nil {
		return r, err // only images may be for tests without modules
	}
	if r.Build == "" {
		r.Needs = nil
	}
	if err := packageroot.Relocate(entry); err != nil {
		return r, err
	}
	if !files.IsDirectory(filepath.Join(entry, r.Modules)) && row.OCI != nil {
		r.Modules = ""
	} else if err := depmod.Run(ctx, entry, release); err != nil {
		return r, err
	}
	boot := "boot/vmlinux-" + release
	unpacked, err := bootimage.Unpack(ctx, filepath.Join(entry, r.Image), filepath.Join(entry, boot))
	if err != nil {
		return r, err
	}
	if unpacked {
		r.Boot = boot
	}
	return r, nil
}
