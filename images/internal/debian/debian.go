// Package debian chooses packages in archives that are built as Debian's is: those of a kernel, and those that building
// its modules requires.
package debian

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/kmodtest/kmodtest/images/arch"
	"github.com/kmodtest/kmodtest/images/internal/apt"
)

// Kernel names the packages of a kernel.
type Kernel struct {
	Image string   // a pattern as in path.Match
	More  []string // more packages; RELEASE in a name stands for the kernel's release
}

// Archives are an archive's packages for two architectures.
type Archives struct {
	Target *apt.Archive // for the kernel's architecture
	Host   *apt.Archive // for the host's; the same archive if the kernel is for the host
}

// Packages are those of a kernel.
type Packages struct {
	Target []apt.Package // the image is first
	Host   []apt.Package // programs that a build of modules runs, if they are for another architecture than the kernel
}

// All returns all packages, the image first.
func (p Packages) All() []apt.Package { return slices.Concat(p.Target, p.Host) }

// Choose returns the newest image that matches the kernel's pattern, its headers, the packages with parts of the kernel,
// headers and host tools on which these depend, and the kernel's other packages.
func Choose(ctx context.Context, from Archives, k Kernel) (Packages, error) {
	var chosen Packages
	image, err := from.Target.Find(ctx, k.Image)
	if err != nil {
		return chosen, err
	}
	release := releaseOf(image.Name)
	headers, err := from.Target.Find(ctx, "linux-headers-"+release)
	if err != nil {
		return chosen, err
	}
	if image.Version != headers.Version {
		return chosen, beingUpdated(image, headers)
	}
	chosen.Target = []apt.Package{image, headers}
	var names []string
	for _, name := range slices.Concat(image.DependsOn(), headers.DependsOn()) {
		if IsKernel(name) {
			names = append(names, name)
		}
	}
	for _, name := range k.More {
		names = append(names, strings.ReplaceAll(name, "RELEASE", release))
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		p, err := from.Target.Find(ctx, name)
		if err != nil {
			return chosen, err
		}
		if from.Host == from.Target || !hasPrograms(name) {
			chosen.Target = append(chosen.Target, p)
			continue
		}
		same, err := from.Host.Find(ctx, name)
		if err != nil {
			return chosen, err
		}
		if same.Version != p.Version {
			return chosen, beingUpdated(p, same)
		}
		chosen.Host = append(chosen.Host, same)
	}
	return chosen, nil
}

func beingUpdated(a, b apt.Package) error {
	return fmt.Errorf("the archive has %s %s but %s %s: it is being updated, try again later", a.Name, a.Version, b.Name, b.Version)
}

// releaseOf returns the kernel's release in the name of the package with its image.
func releaseOf(image string) string {
	return strings.TrimPrefix(strings.TrimPrefix(image, "linux-image-"), "unsigned-")
}

// hasPrograms reports whether a package of a kernel has programs that a build of modules runs. They can make modules for
// any architecture.
func hasPrograms(name string) bool { return strings.HasPrefix(name, "linux-kbuild-") }

// Needs returns what packages with headers depend on besides each other: libraries of their programs, and the compiler for
// an architecture on this host.
func Needs(packages []apt.Package, target arch.Arch) []string {
	var names []string
	for _, p := range packages {
		if !strings.HasPrefix(p.Name, "linux-headers-") && !hasPrograms(p.Name) {
			continue
		}
		for _, name := range p.DependsOn() {
			if !target.IsHost() {
				name = crossCompiler(name, target)
			}
			if !IsKernel(name) && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// compilerPackage matches a compiler, and the package linux-compiler-gcc-12-s390, which depends on one.
var compilerPackage = regexp.MustCompile(`^(?:linux-compiler-(gcc-\d+)-\w+|(gcc(?:-\d+)?))$`)

// crossCompiler returns the package with the compiler for another architecture on this host in place of one with the
// compiler of that architecture's own hosts. Names of other packages stay.
func crossCompiler(name string, target arch.Arch) string {
	found := compilerPackage.FindStringSubmatch(name)
	if found == nil {
		return name
	}
	return strings.Replace(target.CompilerPackage(), "gcc", found[1]+found[2], 1)
}

// IsKernel reports whether a package has a part of a kernel or its headers, which a build root does not need.
func IsKernel(name string) bool {
	for _, prefix := range []string{"linux-headers-", "linux-kbuild-", "linux-image-", "linux-modules-", "linux-binary-", "linux-base-"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// Base returns the packages with what make, scripts of the kernel's build system, and Prepare commands of simple modules
// run, besides the compiler: most are in every Debian system.
func Base() []string {
	return []string{
		"base-files", "bash", "binutils", "coreutils", "dash", "diffutils", "findutils", "grep", "gzip", "make", "mawk", "perl-base",
		"sed", "tar", "xz-utils",
	}
}
