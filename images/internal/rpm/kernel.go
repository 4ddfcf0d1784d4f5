package rpm

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/kmodtest/kmodtest/images/arch"
	"github.com/kmodtest/kmodtest/images/internal/apt"
	"github.com/kmodtest/kmodtest/images/internal/progress"
	"github.com/kmodtest/kmodtest/images/internal/repositories"
	"github.com/kmodtest/kmodtest/images/internal/unpack"
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
	set, err := k.open(ctx, file, k.Machine, dir, show)
	if err != nil {
		return nil, nil, err
	}
	kernel, err := Newest(set.All, cmp.Or(k.Kernel, "kernel-core"), k.Version)
	if err != nil {
		return nil, nil, err
	}
	chosen := []Package{kernel}
	wanted := k.parts()
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		p, err := Newest(set.All, name, kernel.EVR())
		if err != nil && wanted[name] {
			return nil, nil, err
		}
		if err == nil {
			chosen = append(chosen, p)
		}
	}
	packages, err := set.Install(ctx, chosen, dir, show)
	needs := k.Tools
	if len(needs) == 0 {
		needs = usualTools()
	}
	return packages, needs, err
}

// open reads the repositories for a machine.
func (k *Kernel) open(ctx context.Context, file func(string) string, machine, scratch string, show *progress.Progress) (repositories.Set[Package], error) {
	format := repositories.Format[Package]{
		Read: func(ctx context.Context, baseURL, scratch string, show func(float64)) ([]Package, error) {
			return Read(ctx, baseURL, machine, scratch, show)
		},
		Fetch: Fetch, Closure: Closure, Lists: 30,
		Unpack: func(_ Package, file string, target *unpack.Target) error { return Unpack(file, target) },
		Record: func(p Package) apt.Package { return apt.Package{Name: p.Name, Version: p.EVR(), SHA256: p.SHA256} },
	}
	return format.Open(ctx, k.BaseURL, file(k.GPGKey), scratch, show)
}

// FetchRoot unpacks packages and all that they require into dir, and makes it a build root.
func (k *Kernel) FetchRoot(ctx context.Context, file func(string) string, needs []string, dir string, show *progress.Progress) error {
	set, err := k.open(ctx, file, arch.Host().Machine, dir, show)
	if err != nil {
		return err
	}
	return set.MakeRoot(ctx, needs, dir, show)
}
