package rpm

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kmodtest/kmodtest/images/arch"
	"github.com/kmodtest/kmodtest/images/buildroot"
	"github.com/kmodtest/kmodtest/images/internal/apt"
	"github.com/kmodtest/kmodtest/images/internal/keyring"
	"github.com/kmodtest/kmodtest/images/internal/progress"
)

// Kernel names the packages of a kernel in RPM repositories.
type Kernel struct {
	BaseURL  []string `toml:"baseurl"`  // addresses of directories with repodata
	GPGKey   string   `toml:"gpgkey"`   // a file with the keys that sign the packages, relative to the table
	Kernel   string   `toml:"kernel"`   // the package with the kernel; "" is kernel-core
	Version  string   `toml:"version"`  // a pattern for VERSION-RELEASE, as in path.Match; "" is the newest
	Packages []string `toml:"packages"` // more packages of the same version; empty: those that belong to kernel-core
	Tools    []string `toml:"tools"`    // packages for the build root; empty: usualTools
	Machine  string   `toml:"-"`        // the kernel's architecture, as uname -m prints it
}

// Check returns an error if a field is missing.
func (k *Kernel) Check() error {
	switch {
	case len(k.BaseURL) == 0:
		return errors.New("[kernel.rpm] requires baseurl, the address of a repository")
	case k.GPGKey == "":
		return errors.New("[kernel.rpm] requires gpgkey, a file with the keys that sign the packages")
	}
	return nil
}

// Origin returns the address of the first repository.
func (k *Kernel) Origin() string { return k.BaseURL[0] }

// Place identifies the repositories.
func (k *Kernel) Place() []string { return append([]string{"rpm"}, k.BaseURL...) }

// Contents identifies the packages that Fetch chooses.
func (k *Kernel) Contents() []string {
	return []string{k.Kernel, k.Version, strings.Join(k.Packages, "\n")}
}

// parts returns the names of the packages besides the kernel, and whether each must exist.
func (k *Kernel) parts() map[string]bool {
	wanted := map[string]bool{}
	for _, name := range k.Packages {
		wanted[name] = true
	}
	if len(wanted) == 0 {
		// Newer releases have split kernel-modules-core from kernel-core.
		wanted = map[string]bool{"kernel-modules-core": false, "kernel-modules": true, "kernel-devel": true}
	}
	return wanted
}

// usualTools are the packages of a build root, with all that they require.
func usualTools() []string {
	return []string{
		"bash", "binutils", "coreutils", "diffutils", "elfutils-libelf", "elfutils-libelf-devel", "findutils", "gawk", "gcc", "grep",
		"gzip", "make", "openssl-libs", "perl-interpreter", "sed", "tar", "xz", "zlib",
	}
}

// Fetch unpacks the packages into dir. It returns them, the kernel's first, and the packages that a build root needs. file
// returns the path of a file that the row names.
func (k *Kernel) Fetch(ctx context.Context, file func(string) string, dir string, show *progress.Progress) ([]apt.Package, []string, error) {
	all, keys, err := k.read(ctx, file, k.Machine, dir, show.Part(0, 30))
	if err != nil {
		return nil, nil, err
	}
	kernel, err := Newest(all, cmp.Or(k.Kernel, "kernel-core"), k.Version)
	if err != nil {
		return nil, nil, err
	}
	chosen := []Package{kernel}
	wanted := k.parts()
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		p, err := Newest(all, name, kernel.EVR())
		if err != nil && wanted[name] {
			return nil, nil, err
		}
		if err == nil {
			chosen = append(chosen, p)
		}
	}
	packages, err := install(ctx, chosen, keys, dir, show)
	needs := k.Tools
	if len(needs) == 0 {
		needs = usualTools()
	}
	return packages, needs, err
}

// read returns the packages of the repositories for a machine, and the keys for them.
func (k *Kernel) read(ctx context.Context, file func(string) string, machine, scratch string, show func(float64)) ([]Package, keyring.Keys, error) {
	keys, err := keyring.Read(file(k.GPGKey))
	if err != nil {
		return nil, keys, err
	}
	var all []Package
	for _, address := range k.BaseURL {
		packages, err := Read(ctx, address, machine, scratch, show)
		if err != nil {
			return nil, keys, err
		}
		all = append(all, packages...)
	}
	return all, keys, nil
}

// install fetches, verifies and unpacks packages.
func install(ctx context.Context, packages []Package, keys keyring.Keys, dir string, show *progress.Progress) ([]apt.Package, error) {
	var records []apt.Package
	for i, p := range packages {
		at := func(n int) float64 { return 30 + 70*float64(n)/float64(len(packages)) }
		file, err := Fetch(ctx, p, keys, dir, show.Part(at(i), at(i+1)))
		if err != nil {
			return nil, err
		}
		if err := errors.Join(Unpack(file, dir), os.Remove(file)); err != nil {
			return nil, err
		}
		records = append(records, apt.Package{Name: p.Name, Version: p.EVR(), SHA256: p.SHA256})
	}
	return records, nil
}

// FetchRoot unpacks packages and all that they require into dir, and makes it a build root.
func (k *Kernel) FetchRoot(ctx context.Context, file func(string) string, needs []string, dir string, show *progress.Progress) error {
	all, keys, err := k.read(ctx, file, arch.Host().Machine, dir, show.Part(0, 30))
	if err != nil {
		return err
	}
	packages, err := Closure(all, needs)
	if err != nil {
		return fmt.Errorf("resolve the packages of the build root: %w", err)
	}
	show.Line("fetching %d packages: %s", len(packages), strings.Join(needs, ", "))
	if _, err := install(ctx, packages, keys, dir, show); err != nil {
		return err
	}
	for _, name := range []string{"usr/share", "var"} {
		if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
			return fmt.Errorf("remove files that no build reads: %w", err)
		}
	}
	return buildroot.Finish(dir)
}
