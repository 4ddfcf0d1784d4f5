package pacman

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/kmodtest/kmodtest/images/internal/apt"
	"github.com/kmodtest/kmodtest/images/internal/progress"
	"github.com/kmodtest/kmodtest/images/internal/repositories"
)

// Kernel names the packages of a kernel in repositories for pacman.
type Kernel struct {
	Databases []string `toml:"databases"` // addresses of package lists, as …/core/os/x86_64/core.db
	Keyring   string   `toml:"keyring"`   // a file with the keys that sign the packages, relative to the table
	Kernel    string   `toml:"kernel"`    // the package with the kernel; "" is linux. Its headers are in KERNEL-headers
	Packages  []string `toml:"packages"`  // more packages
	Tools     []string `toml:"tools"`     // packages for the build root; empty: usualTools
}

// Check returns an error if a field is missing.
func (k *Kernel) Check() error {
	switch {
	case len(k.Databases) == 0:
		return errors.New("[kernel.pacman] requires databases, the addresses of package lists")
	case k.Keyring == "":
		return errors.New("[kernel.pacman] requires keyring, a file with the keys that sign the packages")
	}
	return nil
}

// Origin returns the address of the first list.
func (k *Kernel) Origin() string { return k.Databases[0] }

// Place identifies the repositories.
func (k *Kernel) Place() []string { return append([]string{"pacman"}, k.Databases...) }

// Contents identifies the packages that Fetch chooses.
func (k *Kernel) Contents() []string { return []string{k.Kernel, strings.Join(k.Packages, "\n")} }

// usualTools are the packages of a build root, with all that they depend on.
func usualTools() []string {
	return []string{
		"bash", "binutils", "coreutils", "diffutils", "findutils", "gawk", "gcc", "grep", "gzip", "libelf", "make", "openssl", "perl", "sed",
		"tar", "xz", "zlib",
	}
}

// Fetch unpacks the packages into dir. It returns them, the kernel's first, and the packages that a build root needs. file
// returns the path of a file that the row names.
func (k *Kernel) Fetch(ctx context.Context, file func(string) string, dir string, show *progress.Progress) ([]apt.Package, []string, error) {
	set, err := k.open(ctx, file, dir, show)
	if err != nil {
		return nil, nil, err
	}
	name := cmp.Or(k.Kernel, "linux")
	var chosen []Package
	for _, name := range append([]string{name, name + "-headers"}, k.Packages...) {
		p, err := Find(set.All, name)
		if err != nil {
			return nil, nil, err
		}
		chosen = append(chosen, p)
	}
	if kernel, headers := chosen[0], chosen[1]; kernel.Version != headers.Version {
		return nil, nil, fmt.Errorf("the repositories have %s %s but %s %s: they are being updated, try again later",
			kernel.Name, kernel.Version, headers.Name, headers.Version)
	}
	packages, err := set.Install(ctx, chosen, dir, show)
	needs := k.Tools
	if len(needs) == 0 {
		needs = usualTools()
	}
	return packages, needs, err
}

// open reads the repositories.
func (k *Kernel) open(ctx context.Context, file func(string) string, scratch string, show *progress.Progress) (repositories.Set[Package], error) {
	format := repositories.Format[Package]{
		Read: Read, Fetch: Fetch, Unpack: Unpack, Closure: Closure, Lists: 10,
		Record: func(p Package) apt.Package { return apt.Package{Name: p.Name, Version: p.Version, SHA256: p.SHA256} },
	}
	return format.Open(ctx, k.Databases, file(k.Keyring), scratch, show)
}

// FetchRoot unpacks packages and all that they depend on into dir, and makes it a build root.
func (k *Kernel) FetchRoot(ctx context.Context, file func(string) string, needs []string, dir string, show *progress.Progress) error {
	set, err := k.open(ctx, file, dir, show)
	if err != nil {
		return err
	}
	return set.MakeRoot(ctx, needs, dir, show)
}
