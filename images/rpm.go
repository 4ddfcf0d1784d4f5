package images

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

	"github.com/kmodtest/kmodtest/images/buildroot"
	"github.com/kmodtest/kmodtest/images/internal/apt"
	"github.com/kmodtest/kmodtest/images/internal/progress"
	"github.com/kmodtest/kmodtest/images/internal/rpm"
)

// RPM names the packages of a kernel in RPM repositories.
type RPM struct {
	BaseURL  []string `toml:"baseurl"`  // addresses of directories with repodata
	GPGKey   string   `toml:"gpgkey"`   // a file with the keys that sign the packages, relative to the table
	Kernel   string   `toml:"kernel"`   // the package with the kernel; "" is kernel-core
	Version  string   `toml:"version"`  // a pattern for VERSION-RELEASE, as in path.Match; "" is the newest
	Packages []string `toml:"packages"` // more packages of the same version; empty: those that belong to kernel-core
	Tools    []string `toml:"tools"`    // packages for the build root; empty: rpmTools
}

func (r *RPM) check() error {
	switch {
	case len(r.BaseURL) == 0:
		return errors.New("[kernel.rpm] requires baseurl, the address of a repository")
	case r.GPGKey == "":
		return errors.New("[kernel.rpm] requires gpgkey, a file with the keys that sign the packages")
	}
	return nil
}

func (r *RPM) origin() string { return r.BaseURL[0] }

func (r *RPM) place() []string { return append([]string{"rpm"}, r.BaseURL...) }

func (r *RPM) kernel() []string { return []string{r.Kernel, r.Version, strings.Join(r.Packages, "\n")} }

// packages returns the names of the packages besides the kernel, and whether each must exist.
func (r *RPM) packages() map[string]bool {
	wanted := map[string]bool{}
	for _, name := range r.Packages {
		wanted[name] = true
	}
	if len(wanted) == 0 {
		// Newer releases have split kernel-modules-core from kernel-core.
		wanted = map[string]bool{"kernel-modules-core": false, "kernel-modules": true, "kernel-devel": true}
	}
	return wanted
}

// rpmTools are the packages of a build root, with all that they require.
func rpmTools() []string {
	return []string{
		"bash", "binutils", "coreutils", "diffutils", "elfutils-libelf", "elfutils-libelf-devel", "findutils", "gawk", "gcc", "grep",
		"gzip", "make", "openssl-libs", "perl-interpreter", "sed", "tar", "xz", "zlib",
	}
}

func (r *RPM) fetch(ctx context.Context, row Row, _ Options, entry string, show *progress.Progress) ([]apt.Package, []string, error) {
	all, keys, err := row.repositories(ctx, entry, show.Part(0, 30))
	if err != nil {
		return nil, nil, err
	}
	kernel, err := rpm.Newest(all, cmp.Or(r.Kernel, "kernel-core"), r.Version)
	if err != nil {
		return nil, nil, err
	}
	chosen := []rpm.Package{kernel}
	wanted := r.packages()
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		p, err := rpm.Newest(all, name, kernel.EVR())
		if err != nil && wanted[name] {
			return nil, nil, err
		}
		if err == nil {
			chosen = append(chosen, p)
		}
	}
	packages, err := install(ctx, chosen, keys, entry, show)
	needs := r.Tools
	if len(needs) == 0 {
		needs = rpmTools()
	}
	return packages, needs, err
}

// repositories returns the packages of a row's repositories, and the keys for them.
func (row Row) repositories(ctx context.Context, scratch string, show func(float64)) ([]rpm.Package, rpm.Keys, error) {
	keys, err := rpm.ReadKeys(row.file(row.RPM.GPGKey))
	if err != nil {
		return nil, keys, err
	}
	var all []rpm.Package
	for _, address := range row.RPM.BaseURL {
		packages, err := rpm.Read(ctx, address, scratch, show)
		if err != nil {
			return nil, keys, err
		}
		all = append(all, packages...)
	}
	return all, keys, nil
}

// install fetches, verifies and unpacks packages.
func install(ctx context.Context, packages []rpm.Package, keys rpm.Keys, dir string, show *progress.Progress) ([]apt.Package, error) {
	var records []apt.Package
	for i, p := range packages {
		at := func(n int) float64 { return 30 + 70*float64(n)/float64(len(packages)) }
		file, err := rpm.Fetch(ctx, p, keys, dir, show.Part(at(i), at(i+1)))
		if err != nil {
			return nil, err
		}
		if err := errors.Join(rpm.Unpack(file, dir), os.Remove(file)); err != nil {
			return nil, err
		}
		records = append(records, apt.Package{Name: p.Name, Version: p.EVR(), SHA256: p.SHA256})
	}
	return records, nil
}

func (r *RPM) fetchRoot(ctx context.Context, row Row, _ Options, needs []string, root string, show *progress.Progress) error {
	all, keys, err := row.repositories(ctx, root, show.Part(0, 30))
	if err != nil {
		return err
	}
	packages, err := rpm.Closure(all, needs)
	if err != nil {
		return fmt.Errorf("resolve the packages of the build root: %w", err)
	}
	show.Line("fetching %d packages: %s", len(packages), strings.Join(needs, ", "))
	if _, err := install(ctx, packages, keys, root, show); err != nil {
		return err
	}
	for _, name := range []string{"usr/share", "var"} {
		if err := os.RemoveAll(filepath.Join(root, name)); err != nil {
			return fmt.Errorf("remove files that no build reads: %w", err)
		}
	}
	return buildroot.Finish(root)
}
