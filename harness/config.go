package harness

import (
	"fmt"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/kmodtest/kmodtest/harness/internal/request"
)

// Config describes the machine that a package's tests need. Its zero value is a machine
// with the default kernel and no module. Relative paths start from the directory of the
// source file that calls Main, wherever the test binary is started; if that file does
// not exist, as after a build with -trimpath, they start from the working directory.
type Config struct {
	// Modules are directories with sources of out-of-tree kernel modules, each with
	// a Kbuild file or a Makefile for the kernel's build system; a directory may have
	// several modules, at any depth. The modules are built against the kernel of the
	// run, loaded in this order before the tests, and unloaded after them as a check.
	// A module may use symbols that modules before it export. An entry may also be a
	// .ko file that was built for the kernel of the run; it is loaded as it is.
	//
	// Each directory is built in a copy, which lacks hidden directories, outputs of
	// earlier builds and everything outside the directory. docs/modules.md has the
	// details. A directory with a dkms.conf is built as that file says.
	Modules []string

	// Builds describe modules whose build needs more than a directory: headers above
	// it, make variables, a script that runs first. They are built and loaded after
	// Modules.
	Builds []Build

	// KernelModules are names of modules of the kernel itself, or patterns of
	// path.Match for names. They and their dependencies are in the guest's
	// /lib/modules; none is loaded. Only tests that read these files need them: a
	// module that the kernel or a test asks for comes from the host. A module that
	// is built into the kernel satisfies the requirement. The run fails if the
	// kernel has neither.
	KernelModules []string

	// OptionalModules are like KernelModules, for modules that not every kernel
	// has. If the kernel has such a module neither as a file nor built in, loading
	// it in a test fails.
	OptionalModules []string

	// LoadModules are names or aliases of modules of the kernel itself that are
	// loaded before the modules under test. They stay loaded. The run fails if one
	// does not load.
	LoadModules []string

	// Programs are directories of Go main packages. Each is built as a static
	// binary and is in the guest's PATH under the name of its directory.
	Programs []string

	// Files are files and directories of the host that appear in the guest at the
	// same paths, or, as HOSTPATH:GUESTPATH, at another one: "testdata/fw.bin:/lib/firmware/fw.bin".
	// Entries may be patterns of path/filepath.Match. A name without a
	// slash is a program, looked up in PATH, /usr/sbin and /sbin; it is in the
	// guest's PATH. Programs and libraries come with the shared libraries that they
	// need, but not with files that they read or load at run time, such as plugins:
	// list those as well.
	Files []string

	// Host is which other files of the host the guest sees, at the same paths: "none",
	// "module" for those of the repository with the package, or "all" for those and all
	// that every user of the host may read. They are read when they are opened;
	// what the guest writes stays in its memory. Empty means "none". docs/security.md
	// lists the files that are not visible in any case.
	Host string

	// Keep are patterns of path.Match for files that tests write in the guest and that
	// appear on the host, too, at the same paths; those below a directory that matches
	// are kept with it. They must be in the package's repository. PATTERN:DIRECTORY
	// puts them into a directory of the host instead. docs/exec.md has the details.
	Keep []string

	// Env are names of environment variables that the tests get although they look
	// like secrets (a name with TOKEN or PASSWORD in it, the prefix AWS_, a URL with
	// a password and so on) or name places on the host (SHELL, XDG_*, the sockets of
	// agents and so on). Entries may be patterns of path.Match. The tests get all
	// other variables of the host without an entry, except that HOME, PATH, PWD,
	// TMPDIR, USER and LOGNAME always have values of the guest.
	// docs/configuration.md lists the rules.
	Env []string

	// Kernel is the kernel to run on unless KMODTEST_KERNEL is set: the name of a
	// row of package images or of a kernels.toml next to go.mod, or a path. Empty
	// means the default kernel of these tables. A kernel for another architecture
	// than the host's has its name, as in "6.12@arm64", or "@arm64" for the default
	// one; the test binary is then built again: docs/architectures.md.
	Kernel string

	// CPUs is the number of virtual CPUs, at most 255; 0 means 2.
	CPUs int

	// Memory is the guest's memory in MiB; 0 means 512.
	Memory int

	// NUMA is the number of NUMA nodes, at most one per CPU. Each has an equal share
	// of the CPUs and of the memory. 0 means a machine without nodes. A machine with
	// nodes boots for each run.
	NUMA int

	// KernelArgs are further kernel parameters, such as "slub_debug=FZ". An entry may
	// have several, separated by spaces. The run fails if one of them would break the
	// harness: console=, loglevel=, panic=, rdinit= and a few others.
	KernelArgs []string

	// Devices returns further arguments of QEMU, such as "-device", "edu", and kernel
	// parameters; nil means none. Package harness/device makes such a function from
	// those of github.com/hugelgupf/vmtest/qemu. It is called once for each run, on
	// the host, in the directory from which the relative paths in Config and in
	// QEMU's arguments start. docs/guest.md lists the arguments that are not
	// possible, and the devices with which a machine boots for each run.
	Devices func() (arguments, kernelArgs []string, err error)

	// Fresh runs every top-level test in a fresh machine, several at a time, so that
	// no test sees changes that another made to the kernel. Fuzz targets, examples
	// and benchmarks share one machine. KMODTEST_FRESH (test, off) overrides Fresh;
	// guest.Fresh requests a fresh machine for a single test.
	Fresh bool

	// Allow are regular expressions for kernel faults that do not fail the run. A
	// fault is allowed if one of them matches its title or a line of its report.
	// guest.AllowKernelLog does the same for a single test.
	Allow []string

	// Coverage measures which lines and branches of the modules under test are
	// executed. Its zero value measures nothing.
	Coverage Coverage

	// FaultWalk builds the modules under test so that guest.FaultWalk and
	// guest.FaultWalkInit can make their calls of the kernel fail. It does not apply
	// to .ko files. docs/guest.md has the details.
	FaultWalk bool

	// Machines is the number of machines that the package's tests may use up: after
	// the kernel has died, the remaining tests run in another machine, and if none
	// is left the run fails. A test with a fresh machine has this limit for itself.
	// 0 means 50.
	Machines int
}

// in returns a copy of the configuration with absolute paths; relative ones start from
// dir. It returns an error if the configuration is not valid.
func (c Config) in(dir string) (Config, error) {
	if c.CPUs < 0 || c.Memory < 0 || c.NUMA < 0 || c.Machines < 0 {
		return c, fmt.Errorf("harness.Config: CPUs is %d, Memory %d, NUMA %d and Machines %d; none may be negative", c.CPUs, c.Memory, c.NUMA, c.Machines)
	}
	for _, pattern := range c.Allow {
		if _, err := regexp.Compile(pattern); err != nil {
			return c, fmt.Errorf("harness.Config: Allow: %w", err)
		}
	}
	for _, pattern := range c.Env {
		if _, err := path.Match(pattern, ""); err != nil {
			return c, fmt.Errorf("harness.Config: Env: %q: %w", pattern, err)
		}
	}
	c.Modules = absolute(dir, c.Modules)
	c.Builds = slices.Clone(c.Builds)
	for i, build := range c.Builds {
		var err error
		if c.Builds[i], err = build.in(dir); err != nil {
			return c, fmt.Errorf("harness.Config: Builds[%d]: %w", i, err)
		}
	}
	if err := c.Coverage.check(); err != nil {
		return c, err
	}
	if c.Coverage.Dir != "" {
		c.Coverage.Dir = absolute(dir, []string{c.Coverage.Dir})[0]
	}
	c.Programs = absolute(dir, c.Programs)
	c.Files = slices.Clone(c.Files)
	for i, file := range c.Files {
		source, place, moved := strings.Cut(file, ":/")
		if strings.Contains(source, "/") || moved {
			c.Files[i] = absolute(dir, []string{source})[0]
		}
		if moved {
			c.Files[i] += ":" + filepath.Clean("/"+place)
		}
	}
	c.Keep = slices.Clone(c.Keep)
	for i, rule := range c.Keep {
		c.Keep[i] = request.AbsoluteKeep(dir, rule)
	}
	if strings.HasPrefix(c.Kernel, ".") || strings.Contains(c.Kernel, "/") {
		c.Kernel = absolute(dir, []string{c.Kernel})[0]
	}
	return c, nil
}

// absolute returns absolute, clean paths; relative ones start from dir.
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

// request returns the configuration in the form that crosses to kmodtest-run.
func (c Config) request() request.Config {
	out := request.Config{
		Modules: c.Modules, KernelModules: c.KernelModules, OptionalModules: c.OptionalModules, LoadModules: c.LoadModules,
		Programs: c.Programs, Files: c.Files, Host: c.Host, Keep: c.Keep, Env: c.Env, Kernel: c.Kernel, CPUs: c.CPUs, Memory: c.Memory, NUMA: c.NUMA,
		KernelArgs: c.KernelArgs, Fresh: c.Fresh, Allow: c.Allow, Machines: c.Machines,
		Coverage: request.Coverage(c.Coverage), FaultWalk: c.FaultWalk,
	}
	for _, build := range c.Builds {
		out.Builds = append(out.Builds, request.Build(build))
	}
	return out
}
