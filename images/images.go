// Package images turns the name of a kernel into files: something to boot, a directory to build modules against, and
// the modules that come with it. What has to be fetched or made for that is made once and kept in the user's cache.
package images

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/images/cache"
)

// Kernel is a kernel that a machine can boot and that modules can be built against. Its files are to be read only.
type Kernel struct {
	Name    string // as asked for: a row's name, or a path
	Release string // what uname -r says
	Version string // the package's version, a commit, the start of an archive's SHA-256, or "" for a path
	Image   string // path of the kernel as it was shipped or built (bzImage or vmlinux)
	Boot    string // path of what a machine boots: the kernel inside Image, unpacked, where that can be started; else Image
	Build   string // directory for make -C when building modules
	Modules string // directory with modules.dep, as /lib/modules/RELEASE; "" when the kernel has no loadable modules
	Key     string // hex hash that changes whenever any of the above content changes; other caches use it in their keys
}

// Options says how Resolve does its work. The zero value is what a user wants.
type Options struct {
	Dir      string    // directory of the package whose kernels.toml counts, too (see RowsFor); "" is the current one
	Cache    string    // directory to keep kernels in; "" is cache.Dir
	Mirror   string    // address of a Debian mirror; "" is $KMODTEST_MIRROR, or else the one this machine's apt uses
	Progress io.Writer // where to say what is being done, if that takes time; nil is nowhere. A terminal gets a bar
}

// Resolve returns the kernel of that name: that of a row, "" for the default row, or a path, which is anything with a slash in
// it or a dot at its start. A path is a kernel build tree, a directory with boot/vmlinuz-RELEASE and lib/modules/RELEASE/build,
// or the image in one of these. What lies at a path is never written to.
//
// The first time it may fetch and unpack packages, or build a kernel, which takes minutes; for many callers at once only one of
// them does. After that it runs no program (but git, for a row with a ref) and reads no network; a kernel of a row takes it
// well under a millisecond, a build tree some tens of them to see whether any of its files changed. When ctx ends, so do all programs it started, and nothing half done is left.
//
// A relative path starts from the process's working directory, whatever opt.Dir is. Errors are, among others, *UnknownKernelError,
// *MissingToolsError and *BuildError, as errors.As finds them; a full disk is ENOSPC. It may be called by many goroutines at once.
func Resolve(ctx context.Context, name string, opt Options) (*Kernel, error) {
	kernel, err := resolve(ctx, name, opt)
	if errors.Is(err, unix.ENOSPC) {
		return nil, fmt.Errorf("%w\nthe disk is full: make room where the cache is, or set XDG_CACHE_HOME to a directory on another disk", err)
	}
	return kernel, err
}

// blameDisk adds to an error that the disk is full, if it is: not every program that cannot write says why.
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
	return resolveDebian(ctx, row, opt)
}

// withDefaults is the one place that reads the environment.
func (opt Options) withDefaults() (Options, error) {
	if opt.Mirror == "" {
		opt.Mirror = strings.TrimSuffix(os.Getenv("KMODTEST_MIRROR"), "/")
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

// checkCachePath refuses a cache where nothing can be built: make has no way to write such a path.
func checkCachePath(dir string) error {
	if strings.ContainsAny(dir, " \t:\"") {
		return fmt.Errorf("modules cannot be built in %q: kernel makefiles take no path with a space, a colon or a quote; set XDG_CACHE_HOME to one without", dir)
	}
	return nil
}

// digest returns a hex hash of all parts and the borders between them.
func digest(parts ...string) string {
	h := sha256.New()
	for _, part := range parts {
		_, _ = fmt.Fprintf(h, "%d:%s,", len(part), part) // a hash takes everything
	}
	return hex.EncodeToString(h.Sum(nil))
}
