package harness

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
)

// Build describes modules whose build needs more than a directory. docs/modules.md shows
// each field at work.
type Build struct {
	// Root is the directory that is copied: all that the build may read of the user's
	// tree. A module whose headers are above it has a Root above it, and is named in
	// Dirs.
	Root string

	// Dirs are directories below Root that are built, in this order; a later one may
	// use symbols that an earlier one exports. Without an entry, Root itself is built.
	Dirs []string

	// Make are variables for the command line of make, such as "CONFIG_FOO=m".
	Make []string

	// Prepare is a shell command that runs in the copy of Root before make, for each
	// kernel, such as "./configure --kdir=$KDIR". It always finds the files as they are
	// in Root, without the changes that an earlier run of it made. Its environment has
	// KDIR (the directory to build modules in, as for make -C), KERNELRELEASE and
	// KVERSION (the kernel's release), ARCH (as in the kernel's makefiles: x86_64, arm64) and
	// CC; for a kernel of another architecture also CROSS_COMPILE (aarch64-linux-gnu-).
	Prepare string

	// Command is a shell command that builds the modules in the copy of Root, after Prepare and with its
	// environment, in place of the kernel's build system: "make", for a makefile that gives the kernel's
	// variables of its own or makes headers first. Variables of makefiles that are set to
	// /lib/modules/RELEASE/build, and entries of Make, are on the command line of every make that it runs.
	// Dirs must be empty.
	Command string

	// Load are the modules to load before the tests, in this order, each with its
	// parameters: "jool", "m size=4". A module's dependencies are loaded before it.
	// Modules that are not listed can be loaded by tests. nil means all modules of the
	// build; an empty list that is not nil means none.
	Load []string
}

// in returns a copy with an absolute Root; a relative one starts from dir. It returns an
// error if the description is not valid.
func (b Build) in(dir string) (Build, error) {
	if b.Root == "" {
		return b, errors.New("no Root; it is the directory that is copied and built")
	}
	b.Root = absolute(dir, []string{b.Root})[0]
	for _, below := range b.Dirs {
		if !filepath.IsLocal(below) {
			return b, fmt.Errorf("entry %q of Dirs is not a directory below Root, %s: choose a Root above it", below, b.Root)
		}
	}
	if b.Command != "" && len(b.Dirs) > 0 {
		return b, errors.New("there are Dirs, which the kernel's build system builds, and a Command in its place: leave one out")
	}
	for _, variable := range b.Make {
		if name, _, ok := strings.Cut(variable, "="); !ok || name == "" || strings.ContainsAny(name, " \t") {
			return b, fmt.Errorf("entry %q of Make is not of the form NAME=VALUE", variable)
		}
	}
	for _, module := range b.Load {
		if len(strings.Fields(module)) == 0 {
			return b, errors.New("an entry of Load is empty; an entry is a module's name, then its parameters")
		}
	}
	return b, nil
}
