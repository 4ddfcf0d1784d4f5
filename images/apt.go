package images

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"github.com/kmodtest/kmodtest/images/internal/apt"
	"github.com/kmodtest/kmodtest/images/internal/command"
	"github.com/kmodtest/kmodtest/images/internal/progress"
)

// Apt names the packages of a kernel in an archive for apt.
type Apt struct {
	Mirror    string   `toml:"mirror"` // "" is Debian's
	Suite     string   `toml:"suite"`
	Component string   `toml:"component"` // "" is main
	Keyring   string   `toml:"keyring"`   // a file with the archive's keys, relative to the table; "" is Debian's
	Image     string   `toml:"image"`     // a pattern as in path.Match
	Packages  []string `toml:"packages"`  // more packages; RELEASE in a name stands for the kernel's release
	Tools     []string `toml:"tools"`     // packages for the build root, besides those that the headers depend on
}

func (a *Apt) check() error {
	switch {
	case a.Suite == "" || a.Image == "":
		return errors.New("[kernel.apt] requires suite and image")
	case a.Mirror != "" && a.Keyring == "":
		return errors.New("[kernel.apt] with a mirror requires keyring, the file with the keys that sign the archive")
	}
	return nil
}

func (a *Apt) origin() string {
	if a.Mirror == "" {
		return "Debian " + a.Suite
	}
	return a.Suite + " of " + a.Mirror
}

func (a *Apt) place() []string { return []string{a.Mirror, a.Suite, a.Component} }

func (a *Apt) kernel() []string { return []string{a.Image, strings.Join(a.Packages, "\n")} }

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

func (a *Apt) fetch(ctx context.Context, row Row, opt Options, dir string, show *progress.Progress) ([]apt.Package, []string, error) {
	scratch := filepath.Join(dir, "apt")
	if err := os.Mkdir(scratch, 0o700); err != nil {
		return nil, nil, fmt.Errorf("make directory for apt: %w", err)
	}
	archive, err := row.archive(ctx, opt, scratch)
	if err != nil {
		return nil, nil, err
	}
	if err := archive.Update(ctx, show.Part(0, 20)); err != nil {
		return nil, nil, err
	}
	packages, err := choose(ctx, archive, a)
	if err != nil {
		return nil, nil, err
	}
	files, err := archive.Download(ctx, scratch, packages, show.Part(20, 80))
	if err != nil {
		return nil, nil, err
	}
	if err := unpackDebs(ctx, files, dir, show.Part(80, 100)); err != nil {
		return nil, nil, err
	}
	if err := os.RemoveAll(scratch); err != nil {
		return nil, nil, fmt.Errorf("remove fetched packages: %w", err)
	}
	return packages, slices.Concat(needs(packages), a.Tools, basePackages()), nil
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

func unpackDebs(ctx context.Context, files []string, entry string, show func(float64)) error {
	dpkgDeb, err := command.Find("dpkg-deb", "dpkg")
	if err != nil {
		return err
	}
	for i, file := range files {
		if _, err := (command.Command{Path: dpkgDeb, Args: []string{"-x", file, entry}}).Run(ctx); err != nil {
			return fmt.Errorf("unpack package: %w", err)
		}
		show(float64(100 * (i + 1) / len(files)))
	}
	return nil
}
