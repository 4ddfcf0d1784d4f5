package images

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/kmodtest/kmodtest/images/cache"
	"github.com/kmodtest/kmodtest/images/internal/apt"
	"github.com/kmodtest/kmodtest/images/internal/bootimage"
	"github.com/kmodtest/kmodtest/images/internal/command"
	"github.com/kmodtest/kmodtest/images/internal/progress"
	"github.com/kmodtest/kmodtest/images/plainpath"
)

// layout is part of every entry's key: with a new number, entries of older versions of this package
// are not used. It must change with the contents that fetching or unpacking leaves in an entry.
const layout = "3"

// resolveApt returns a row's kernel from the cache. If it is not there, it is fetched from its
// archive first. A cached kernel stays the same when the archive gets a newer one.
func resolveApt(ctx context.Context, row Row, opt Options) (*Kernel, error) {
	key, err := row.key(ctx)
	if err != nil {
		return nil, fmt.Errorf("fetch kernel %s: %w", row.Name, err)
	}
	entry, err := cache.Entry(ctx, filepath.Join(opt.Cache, "kernels"), key, func(ctx context.Context, tmp string) error {
		return blameDisk(tmp, fetchApt(ctx, row, opt, tmp))
	})
	if err != nil {
		return nil, fmt.Errorf("fetch kernel %s: %w", row.Name, err)
	}
	kernel, err := readKernel(row.Name, entry)
	if err != nil {
		return nil, err
	}
	return kernel, withRoot(ctx, kernel, entry, row, opt)
}

// fetchApt fills an entry with the packages of a row's kernel.
func fetchApt(ctx context.Context, row Row, opt Options, entry string) error {
	if _, err := plainpath.New(ctx, opt.Cache); err != nil { // checked before anything is fetched
		return err
	}
	begin := time.Now()
	show := progress.New(opt.Progress)
	defer show.Close()
	show.Line("fetching kernel %s (%s%s)", row.Name, row.origin(), row.size())
	packages, err := fetchPackages(ctx, row, opt, entry, show)
	if err != nil {
		return err
	}
	release, err := strip(entry)
	if err != nil {
		return err
	}
	if err := relocate(entry); err != nil {
		return err
	}
	if err := Depmod(ctx, entry, release); err != nil {
		return err
	}
	record := newRecord(release, packages)
	boot := "boot/vmlinux-" + release
	unpacked, err := bootimage.Unpack(ctx, filepath.Join(entry, record.Image), filepath.Join(entry, boot))
	if err != nil {
		return err
	}
	if unpacked {
		record.Boot = boot
	}
	if err := record.write(entry); err != nil {
		return err
	}
	show.Close()
	show.Line("kernel %s is Linux %s, version %s (%.0f s)", row.Name, release, record.Version, time.Since(begin).Seconds())
	return nil
}

// debianMirrors returns the mirrors to use, in order.
func debianMirrors(ctx context.Context, opt Options) ([]string, error) {
	if given := splitMirrors(opt.Mirror); len(given) > 0 {
		return given, nil
	}
	return apt.Mirrors(ctx)
}

// splitMirrors splits a list of addresses at spaces and commas, and removes slashes at their ends.
func splitMirrors(list string) []string {
	addresses := strings.FieldsFunc(list, func(c rune) bool { return c == ',' || unicode.IsSpace(c) })
	for i, address := range addresses {
		addresses[i] = strings.TrimRight(address, "/")
	}
	return addresses
}

// fetchPackages unpacks the packages of a row's kernel and of its headers into entry, and returns
// them, the kernel's first.
func fetchPackages(ctx context.Context, row Row, opt Options, entry string, show *progress.Progress) ([]apt.Package, error) {
	scratch := filepath.Join(entry, "apt")
	if err := os.Mkdir(scratch, 0o700); err != nil {
		return nil, fmt.Errorf("make directory for apt: %w", err)
	}
	archive, err := row.archive(ctx, opt, scratch)
	if err != nil {
		return nil, err
	}
	if err := archive.Update(ctx, show.Part(0, 20)); err != nil {
		return nil, err
	}
	packages, err := choose(ctx, archive, row.Apt)
	if err != nil {
		return nil, err
	}
	files, err := archive.Download(ctx, scratch, packages, show.Part(20, 80))
	if err != nil {
		return nil, err
	}
	if err := unpack(ctx, files, entry, show.Part(80, 100)); err != nil {
		return nil, err
	}
	if err := os.RemoveAll(scratch); err != nil {
		return nil, fmt.Errorf("remove fetched packages: %w", err)
	}
	return packages, nil
}

// archive returns the archive that has the packages of a row.
func (row Row) archive(ctx context.Context, opt Options, dir string) (*apt.Archive, error) {
	a := row.Apt
	archive := &apt.Archive{Suite: a.Suite, Component: a.Component, Architecture: row.Arch, Keyring: row.file(a.Keyring), Dir: dir}
	if a.Mirror != "" {
		archive.Mirrors = splitMirrors(a.Mirror)
		return archive, nil
	}
	var err error
	archive.Mirrors, err = debianMirrors(ctx, opt)
	return archive, err
}

// choose returns the newest image that matches the row's pattern, its headers, the packages with headers and host tools on
// which these depend, and the row's other packages.
func choose(ctx context.Context, archive *apt.Archive, a *Apt) ([]apt.Package, error) {
	image, err := archive.Find(ctx, a.Image)
	if err != nil {
		return nil, err
	}
	release := releaseOf(image.Name)
	headers, err := archive.Find(ctx, "linux-headers-"+release)
	if err != nil {
		return nil, err
	}
	if image.Version != headers.Version {
		return nil, fmt.Errorf("the archive has %s %s but %s %s: it is being updated, try again later",
			image.Name, image.Version, headers.Name, headers.Version)
	}
	packages := []apt.Package{image, headers}
	var names []string
	for _, name := range headers.DependsOn() {
		if isKernelPackage(name) {
			names = append(names, name)
		}
	}
	for _, name := range a.Packages {
		names = append(names, strings.ReplaceAll(name, "RELEASE", release))
	}
	for _, name := range names {
		p, err := archive.Find(ctx, name)
		if err != nil {
			return nil, err
		}
		packages = append(packages, p)
	}
	return packages, nil
}

// releaseOf returns the kernel's release in the name of the package with its image.
func releaseOf(image string) string {
	return strings.TrimPrefix(strings.TrimPrefix(image, "linux-image-"), "unsigned-")
}

// needs returns what packages with headers depend on besides each other: the compiler, and libraries of their programs.
func needs(packages []apt.Package) []string {
	var names []string
	for _, p := range packages {
		if !strings.HasPrefix(p.Name, "linux-headers-") && !strings.HasPrefix(p.Name, "linux-kbuild-") {
			continue
		}
		for _, name := range p.DependsOn() {
			if !isKernelPackage(name) && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

func unpack(ctx context.Context, files []string, entry string, progress func(float64)) error {
	dpkgDeb, err := command.Find("dpkg-deb", "dpkg")
	if err != nil {
		return err
	}
	for i, file := range files {
		if _, err := (command.Command{Path: dpkgDeb, Args: []string{"-x", file, entry}}).Run(ctx); err != nil {
			return fmt.Errorf("unpack package: %w", err)
		}
		progress(float64(100 * (i + 1) / len(files)))
	}
	return nil
}

// newRecord returns the record of an entry with these packages. Its key covers their contents.
func newRecord(release string, packages []apt.Package) record {
	parts := []string{layout, strconv.Itoa(len(packages))}
	for _, p := range packages {
		parts = append(parts, p.Name, p.Version, p.SHA256)
	}
	return record{
		Release:  release,
		Version:  packages[0].Version,
		Image:    "boot/vmlinuz-" + release,
		Boot:     "boot/vmlinuz-" + release,
		Build:    "usr/src/linux-headers-" + release,
		Modules:  "lib/modules/" + release,
		Key:      digest(parts...),
		Needs:    needs(packages),
		Packages: packages,
	}
}
