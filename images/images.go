// Package images turns the name of a kernel into files: a file to boot, a directory to build modules
// against, and the kernel's own modules. Kernels are fetched or built once and kept in the user's
// cache.
package images

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/images/buildroot"
	"github.com/kmodtest/kmodtest/images/cache"
	"github.com/kmodtest/kmodtest/images/internal/kernelbuild"
	"github.com/kmodtest/kmodtest/images/plainpath"
)

// Kernel is a kernel that a machine can boot and that modules can be built against. Its files must
// not be changed.
type Kernel struct {
	Name    string // as asked for: a row's name, with the architecture if it is not the host's, or a path
	Arch    string // GOARCH of programs that the kernel runs: "amd64"
	Release string // the output of uname -r
	Version string // the package's version, a commit, the start of an archive's SHA-256, or "" for a path
	Image   string // path of the kernel as it was shipped or built (bzImage or vmlinux)
	Boot    string // path of the file to boot: the kernel inside Image, unpacked, if it can be started directly; else Image
	Build   string // directory for make -C when building modules; "" for an image from a registry that does not have it
	Modules string // directory with modules.dep, as /lib/modules/RELEASE; "" when the kernel has no loadable modules
	// Root is the build root that modules are built in; the zero value is this system.
	Root buildroot.Root
	Key  string // hex hash that changes when any of these files changes; part of the keys of other cache entries
}

// BuildError reports that make failed.
type BuildError = kernelbuild.BuildError

// MissingToolsError reports that programs or header files for a build from source are not installed.
type MissingToolsError = kernelbuild.MissingToolsError

// Options configures this package's functions. The zero value has useful defaults.
type Options struct {
	Dir      string    // directory of the package whose kernels.toml is used as well (see RowsFor); "" is the current directory
	Cache    string    // directory for kernels; "" is cache.Dir
	Mirror   string    // addresses of Debian mirrors, for apt.Archive; "" is $KMODTEST_MIRROR, or else those of apt.Mirrors
	Progress io.Writer // gets lines on work that takes time, and a bar if it is a terminal; nil discards them
}

// Resolve returns the kernel with that name: a row's name, "" for the default row, or a path. After an @, the name has an
// architecture, as in "6.1@arm64"; without it, the kernel is for the host's. A name
// with a slash, or with a dot at its start, is a path: of a kernel build tree, of a directory with
// boot/vmlinuz-RELEASE and lib/modules/RELEASE/build, or of the image in one of these. Resolve never
// writes to files at a path.
//
// The first call for a kernel may fetch and unpack packages, or build the kernel, which takes
// minutes. If there are several callers at once, only one does so. Later calls run no program, except
// git for a row with a ref, and do not use the network. They take well under a millisecond for a
// kernel of a row, and some tens of milliseconds for a build tree, to check whether any of its files
// changed. When ctx ends, all programs that Resolve started end, and nothing incomplete is left.
//
// A relative path is relative to the process's working directory, regardless of opt.Dir. Errors
// include *UnknownKernelError, *MissingToolsError and *BuildError, for errors.As, and ENOSPC for a
// full disk, for errors.Is. Resolve may be called from several goroutines and processes at once.
func Resolve(ctx context.Context, name string, opt Options) (*Kernel, error) {
	kernel, err := resolve(ctx, name, opt)
	if errors.Is(err, unix.ENOSPC) {
		return nil, fmt.Errorf("%w\nthe disk is full: free space on the disk of the cache, or set XDG_CACHE_HOME to a directory on another disk", err)
	}
	return kernel, err
}

// blameDisk adds ENOSPC to an error if the disk is full: not every program that cannot write reports
// the reason.
func blameDisk(dir string, err error) error {
	const little = 1 << 20 // bytes
	var disk unix.Statfs_t
	if err == nil || errors.Is(err, unix.ENOSPC) || unix.Statfs(dir, &disk) != nil || disk.Bavail*uint64(disk.Bsize) > little {
		return err
	}
	return errors.Join(err, unix.ENOSPC)
}

func resolve(ctx context.Context, name string, opt Options) (*Kernel, error) {
	opt, err := opt.withDefaults()
	if err != nil {
		return nil, err
	}
	if isPath(name) {
		return resolvePath(ctx, name, opt)
	}
	rows, err := RowsFor(opt.Dir)
	if err != nil {
		return nil, err
	}
	row, err := findRow(rows, name)
	if err != nil {
		return nil, err
	}
	if row.Source != nil {
		return resolveSource(ctx, row, opt)
	}
	return resolveFetched(ctx, row, opt)
}

// withDefaults fills in defaults. It is the only function that reads KMODTEST_MIRROR.
func (opt Options) withDefaults() (Options, error) {
	if opt.Mirror == "" {
		opt.Mirror = os.Getenv("KMODTEST_MIRROR")
	}
	if opt.Progress == nil {
		opt.Progress = io.Discard
	}
	if opt.Cache != "" {
		abs, err := filepath.Abs(opt.Cache)
		opt.Cache = abs
		return opt, err
	}
	var err error
	opt.Cache, err = cache.Dir()
	return opt, err
}

func isPath(name string) bool {
	return strings.Contains(name, "/") || strings.HasPrefix(name, ".")
}

// checkCachePath returns an error for a path in which make cannot build a kernel.
func checkCachePath(dir string) error {
	if !plainpath.IsPlain(dir) {
		return fmt.Errorf("a kernel cannot be built in %q: its makefiles do not support a path with spaces or special characters; "+
			"set XDG_CACHE_HOME to a path without them", dir)
	}
	return nil
}
