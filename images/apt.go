package images

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"github.com/kmodtest/kmodtest/images/arch"
	"github.com/kmodtest/kmodtest/images/internal/apt"
	"github.com/kmodtest/kmodtest/images/internal/command"
	"github.com/kmodtest/kmodtest/images/internal/debian"
	"github.com/kmodtest/kmodtest/images/internal/progress"
	"github.com/kmodtest/kmodtest/images/internal/unpack"
)

// Apt names the packages of a kernel in an archive for apt.
type Apt struct {
	Mirror    string   `toml:"mirror"` // "" is Debian's
	Suite     string   `toml:"suite"`
	Component string   `toml:"component"` // "" is main
	Keyring   string   `toml:"keyring"`   // a file with the archive's keys, relative to the table; "" is Debian's
	Image     string   `toml:"image"`     // a pattern as in path.Match; ARCH in a name stands for Debian's name of the architecture
	Packages  []string `toml:"packages"`  // more packages; RELEASE in a name stands for the kernel's release
	Tools     []string `toml:"tools"`     // packages for the build root, besides those that the headers depend on

	dated bool // Mirror is that of a snapshot
}

// Check returns an error if a field is missing.
func (a *Apt) Check() error {
	switch {
	case a.Suite == "" || a.Image == "":
		return errors.New("[kernel.apt] requires suite and image")
	case a.Mirror != "" && a.Keyring == "":
		return errors.New("[kernel.apt] with a mirror requires keyring, the file with the keys that sign the archive")
	}
	return nil
}

// Origin names the archive.
func (a *Apt) Origin() string {
	if a.Mirror == "" {
		return "Debian " + a.Suite
	}
	return a.Suite + " of " + a.Mirror
}

// Place identifies the archive.
func (a *Apt) Place() []string { return []string{a.Mirror, a.Suite, a.Component} }

// forArch returns the same with Debian's name of an architecture in place of ARCH.
func (a *Apt) forArch(of arch.Arch) *Apt {
	one := *a
	one.Image = strings.ReplaceAll(a.Image, "ARCH", of.Debian)
	one.Packages = nil
	for _, name := range a.Packages {
		one.Packages = append(one.Packages, strings.ReplaceAll(name, "ARCH", of.Debian))
	}
	return &one
}

// Contents identifies the packages.
func (a *Apt) Contents() []string { return []string{a.Image, strings.Join(a.Packages, "\n")} }

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
	from, err := openArchives(ctx, row, opt, scratch, show.Part(0, 20))
	if err != nil {
		return nil, nil, err
	}
	chosen, err := debian.Choose(ctx, from, debian.Kernel{Image: a.Image, More: a.Packages})
	if err != nil {
		return nil, nil, err
	}
	files, err := from.Target.Download(ctx, scratch, chosen.Target, show.Part(20, 75))
	if err != nil {
		return nil, nil, err
	}
	if len(chosen.Host) > 0 {
		more, err := from.Host.Download(ctx, scratch, chosen.Host, show.Part(75, 80))
		if err != nil {
			return nil, nil, err
		}
		files = append(files, more...)
	}
	if err := unpackDebs(ctx, files, dir, show.Part(80, 100)); err != nil {
		return nil, nil, err
	}
	if err := os.RemoveAll(scratch); err != nil {
		return nil, nil, fmt.Errorf("remove fetched packages: %w", err)
	}
	return chosen.All(), slices.Concat(debian.Needs(chosen.All(), row.target), a.Tools, debian.Base()), nil
}

// openArchives returns the archive that has the packages of a row, for both architectures that it needs, with their lists.
func openArchives(ctx context.Context, row Row, opt Options, scratch string, show func(float64)) (debian.Archives, error) {
	target, err := openArchive(ctx, row, opt, row.target, scratch)
	if err == nil {
		err = target.Update(ctx, show)
	}
	both := debian.Archives{Target: target, Host: target}
	if err != nil || row.target.IsHost() {
		return both, err
	}
	dir := filepath.Join(scratch, "host")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return both, fmt.Errorf("make directory for apt: %w", err)
	}
	if both.Host, err = openArchive(ctx, row, opt, arch.Host(), dir); err == nil {
		err = both.Host.Update(ctx, show)
	}
	return both, err
}

// openArchive returns the archive that has the packages of a row, for an architecture.
func openArchive(ctx context.Context, row Row, opt Options, of arch.Arch, dir string) (*apt.Archive, error) {
	a := row.Apt
	archive := &apt.Archive{Suite: a.Suite, Component: a.Component, Architecture: of.Debian, Keyring: row.file(a.Keyring), Old: a.dated, Dir: dir}
	if a.Mirror != "" {
		archive.Mirrors = splitMirrors(a.Mirror)
		return archive, nil
	}
	var err error
	archive.Mirrors, err = debianMirrors(ctx, opt)
	return archive, err
}

// unpackDebs unpacks packages into an existing directory.
func unpackDebs(ctx context.Context, files []string, dir string, show func(float64)) error {
	dpkgDeb, err := command.Find("dpkg-deb", "dpkg")
	if err != nil {
		return err
	}
	target, err := unpack.Open(dir)
	if err != nil {
		return err
	}
	defer target.Close()
	for i, file := range files {
		if err := unpackDeb(ctx, dpkgDeb, file, target); err != nil {
			return fmt.Errorf("unpack package %s: %w", filepath.Base(file), err)
		}
		show(float64(100 * (i + 1) / len(files)))
	}
	return nil
}

// unpackDeb unpacks one package. dpkg-deb only decompresses it: it would follow links that an earlier package has made.
func unpackDeb(ctx context.Context, dpkgDeb, file string, target *unpack.Target) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	archive, out := io.Pipe()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, err := command.Command{Path: dpkgDeb, Args: []string{"--fsys-tarfile", file}, Out: out}.Run(ctx)
		_ = out.CloseWithError(err) // it returns no error
	}()
	err := target.Tar(archive, func(string) bool { return true })
	cancel()
	_ = archive.Close() // as above
	<-ended
	return err
}
