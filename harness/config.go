package harness

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
)

// Config says what a package's tests need around them. Its zero value is a
// machine with the default kernel and no module. Relative paths start from the
// directory of the source file that calls Main, wherever the test binary is
// started.
type Config struct {
	// Modules are directories with the sources of out-of-tree kernel modules,
	// each with a Kbuild file or a Makefile for the kernel's build system.
	// They are built against the kernel of the run, loaded in this order
	// before the tests, and unloaded after them as a check.
	Modules []string

	// KernelModules are names of the kernel's own modules that tests load.
	// They and what they depend on are there in the guest's /lib/modules;
	// none is loaded. A kernel that has one built in is as good.
	KernelModules []string

	// Programs are directories of Go main packages. Each is built for the
	// guest, static, and lies in its PATH under the directory's name.
	Programs []string

	// Kernel is the kernel to run on when KMODTEST_KERNEL does not say: a
	// name of a row of the images package, or a path. Empty means the images
	// package's default.
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
	// the kernel dies, the tests that are left run in another one. 0 means 50.
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
