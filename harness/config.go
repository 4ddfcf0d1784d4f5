package harness

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Config says what a package's tests need around them. Its zero value is a
// machine with the default kernel and no module. Relative paths start from the
// directory of the source file that calls Main, wherever the test binary is
// started; or from the working directory where that file is not there, as after
// a build with -trimpath.
type Config struct {
	// Modules are directories with the sources of out-of-tree kernel modules,
	// each with a Kbuild file or a Makefile for the kernel's build system.
	// They are built against the kernel of the run, loaded in this order
	// before the tests, and unloaded after them as a check. Each is built in a
	// copy of it, in which links have become what they lead to. Not copied are
	// hidden files, what a build makes (objects, archives, .ko, .mod, .mod.c,
	// .cmd, .order, .symvers), and .go, .md and .patch: neither these nor
	// what lies outside of the directory are there. (By an absolute path that
	// is, but nobody notices when it changes.) Modules may use what those
	// of directories before theirs export. They are looked for in a directory
	// and in those right below.
	Modules []string

	// KernelModules are names of the kernel's own modules that tests load.
	// They and what they depend on are there in the guest's /lib/modules;
	// none is loaded. A kernel that has one built in is as good.
	KernelModules []string

	// OptionalModules are the same for those that not every kernel has. One
	// that is neither loadable nor built in is not there, and a test that
	// loads it finds that out.
	OptionalModules []string

	// Programs are directories of Go main packages. Each is built for the
	// guest, static, and lies in its PATH under the directory's name.
	Programs []string

	// Files are files and directories of the host that are there in the guest
	// at the same paths. They may be patterns, as path/filepath.Match has
	// them. A name without a slash is a program, looked for in PATH, /usr/sbin
	// and /sbin, and is in the guest's PATH. Programs and libraries come with
	// the shared libraries they need, but not with what they read or load
	// while they run, such as plugins: that is to be named, too.
	Files []string

	// Kernel is the kernel to run on when KMODTEST_KERNEL does not say: a
	// name, of a row of the images package or of a kernels.toml beside the
	// go.mod, or a path. Empty means the default of these.
	Kernel string

	// CPUs is the number of virtual CPUs; 0 means 2.
	CPUs int

	// Memory is the guest's memory in MiB; 0 means 512.
	Memory int

	// Fresh gives every top-level test a machine of its own, several at a
	// time, so that none sees what another did to the kernel. Fuzz targets,
	// examples and benchmarks share one. KMODTEST_FRESH (test, off) overrides
	// it; guest.Fresh asks for the same for a single test.
	Fresh bool

	// Allow are regular expressions for faults of the kernel that are to be
	// let pass in the whole run: one that matches the title or a line of the
	// report is enough. guest.AllowKernelLog does the same for a single test.
	Allow []string

	// Machines is how many machines may be spent on the package's tests: when
	// the kernel dies, the tests that are left run in another one, and when
	// none may be spent any more, the run fails. A test that has a machine of
	// its own has this limit for itself. 0 means 50.
	Machines int
}

// in returns the configuration with paths made absolute from dir.
func (c Config) in(dir string) (Config, error) {
	if c.CPUs < 0 || c.Memory < 0 || c.Machines < 0 {
		return c, fmt.Errorf("harness.Config: CPUs is %d, Memory %d and Machines %d; none may be negative", c.CPUs, c.Memory, c.Machines)
	}
	for _, pattern := range c.Allow {
		if _, err := regexp.Compile(pattern); err != nil {
			return c, fmt.Errorf("harness.Config: Allow: %w", err)
		}
	}
	c.Modules = absolute(dir, c.Modules)
	c.Programs = absolute(dir, c.Programs)
	c.Files = slices.Clone(c.Files)
	for i, file := range c.Files {
		if strings.Contains(file, "/") {
			c.Files[i] = absolute(dir, []string{file})[0]
		}
	}
	if strings.HasPrefix(c.Kernel, ".") || strings.Contains(c.Kernel, "/") {
		c.Kernel = absolute(dir, []string{c.Kernel})[0]
	}
	return c, nil
}

func absolute(dir string, paths []string) []string {
	out := make([]string, len(paths))
	for i, path := range paths {
		if !filepath.IsAbs(path) {
			path = filepath.Join(dir, path)
		}
		out[i] = filepath.Clean(path)
	}
	return out
}
