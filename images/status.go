package images

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/kmodtest/kmodtest/images/cache"
	"github.com/kmodtest/kmodtest/images/internal/files"
)

// State is the state of a row's kernel in the cache.
type State string

// The states of a kernel.
const (
	Absent State = "absent" // must be fetched or built
	Busy   State = "busy"   // is being fetched or built
	Ready  State = "ready"  // is in the cache
)

// Status describes a row's kernel in the cache.
type Status struct {
	Row     Row
	State   State
	Release string // the output of uname -r; "" unless the kernel is ready
	Version string // as in Kernel; "" unless the kernel is ready
	Source  string // the origin: an archive's suite, a package, an address or a path
	Size    int64  // disk usage of the cache entry in bytes, as with du(1); 0 unless the kernel is ready
	Objects int    // number of object files after the build, including host tools; 0 if the kernel was not built
	Key     string // name of the cache entry: changes with the row, not with the contents of an archive
}

// List returns the status of every kernel that has a name for a package in opt.Dir, in the order of
// RowsFor. It does not fetch or build anything.
func List(ctx context.Context, opt Options) ([]Status, error) {
	opt, err := opt.withDefaults()
	if err != nil {
		return nil, err
	}
	rows, err := RowsFor(opt.Dir)
	if err != nil {
		return nil, err
	}
	var all []Status
	for _, row := range rows {
		status, err := row.status(ctx, opt)
		if err != nil {
			return nil, fmt.Errorf("look at kernel %s: %w", row.Name, err)
		}
		all = append(all, status)
	}
	return all, nil
}

// Cached returns the kernels of RowsFor that are in the cache.
func Cached(ctx context.Context, opt Options) ([]*Kernel, error) {
	opt, err := opt.withDefaults()
	if err != nil {
		return nil, err
	}
	rows, err := RowsFor(opt.Dir)
	if err != nil {
		return nil, err
	}
	var kernels []*Kernel
	for _, row := range rows {
		key, err := row.key(ctx)
		if err != nil {
			return nil, fmt.Errorf("look at kernel %s: %w", row.Name, err)
		}
		kernel, err := readKernel(row, filepath.Join(opt.Cache, "kernels", key))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		kernels = append(kernels, kernel)
	}
	return kernels, nil
}

func (row Row) status(ctx context.Context, opt Options) (Status, error) {
	s := Status{Row: row, State: Absent, Source: row.origin()}
	key, err := row.key(ctx)
	if err != nil {
		return s, err
	}
	s.Key = key
	dir := filepath.Join(opt.Cache, "kernels")
	r, err := readRecord(filepath.Join(dir, key))
	if errors.Is(err, fs.ErrNotExist) {
		if cache.Busy(dir, key) {
			s.State = Busy
		}
		return s, nil
	}
	if err != nil {
		return s, err
	}
	s.State, s.Release, s.Version, s.Objects = Ready, r.Release, r.Version, r.Objects
	if r.Source != "" {
		s.Source = "source, " + r.Source
	}
	s.Size, err = files.DiskUsage(filepath.Join(dir, key))
	return s, err
}

// Remove removes a row's kernel from the cache. If sources is true, it also removes the archive that
// the kernel was built from, which other rows may share. It returns the number of bytes freed. A
// missing kernel is not an error. If the kernel is being fetched or built, Remove waits.
func Remove(ctx context.Context, name string, sources bool, opt Options) (freed int64, err error) {
	opt, err = opt.withDefaults()
	if err != nil {
		return 0, err
	}
	if isPath(name) || name == "" {
		return 0, fmt.Errorf("remove kernel %q: only kernels with a name are in the cache", name)
	}
	rows, err := RowsFor(opt.Dir)
	if err != nil {
		return 0, err
	}
	row, err := findRow(rows, name)
	if err != nil {
		return 0, err
	}
	key, err := row.key(ctx)
	if err != nil {
		return 0, fmt.Errorf("remove kernel %s: %w", name, err)
	}
	freed, err = removeEntry(ctx, filepath.Join(opt.Cache, "kernels"), key)
	if err == nil && sources && row.Source != nil && row.Source.Path == "" {
		var more int64
		more, err = removeEntry(ctx, filepath.Join(opt.Cache, "sources"), row.Source.Key(layout))
		freed += more
	}
	if err != nil {
		return freed, fmt.Errorf("remove kernel %s: %w", name, err)
	}
	return freed, nil
}

func removeEntry(ctx context.Context, dir, key string) (int64, error) {
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	size, err := files.DiskUsage(filepath.Join(dir, key))
	if err != nil {
		return 0, err
	}
	return size, cache.Remove(ctx, dir, key)
}

// nameOfKey returns the row's name in the key of an entry.
func nameOfKey(key string) string {
	if i := strings.LastIndexByte(key, '-'); i >= 0 {
		return key[:i]
	}
	return key
}
