// Package cache keeps directories that are dear to make: each is filled once, under a lock, and then only read.
//
// An entry is there as a whole or not at all. It is filled in a temporary directory beside its place and renamed
// when it is complete, so neither a crash nor an interrupt leaves half of one.
package cache

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"
	"golang.org/x/sys/unix"
)

const (
	tempInfix  = ".tmp-" // between an entry's name and a random number
	lockSuffix = ".lock"

	// retry is how long a caller sleeps between two looks at a lock that another holds: flock(2) itself cannot be
	// given up when a context ends.
	retry = 20 * time.Millisecond
)

// Dir returns the project's directory in the user's cache, $XDG_CACHE_HOME/kmodtest or ~/.cache/kmodtest. It need not exist.
func Dir() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("there is no directory for caches: set HOME, or XDG_CACHE_HOME to an absolute path: %w", err)
	}
	return filepath.Join(dir, "kmodtest"), nil
}

// Entry returns the path dir/key, and first fills it with fill if it is not there.
//
// fill gets an empty directory to fill, which becomes the entry when fill returns nil; until then its path is
// another, so what is put there must not name its own place. Whoever asks for the same entry at the same
// time, in this process or another, waits for the one that fills it, or until ctx ends. If fill fails, the next to
// wait tries again. What a filler left behind that died is removed by the next. An entry that is there costs two system
// calls and takes no lock; it is marked as used.
//
// key names one directory: no slash, no leading dot, and not what Entry's own names are made with: ".tmp-" and, at the
// end, ".lock".
func Entry(ctx context.Context, dir, key string, fill func(ctx context.Context, tmp string) error) (string, error) {
	path := filepath.Join(dir, key)
	if err := checkKey(key); err != nil {
		return "", err
	}
	if there, err := isThere(path); err != nil {
		return path, err
	} else if there {
		MarkUsed(path)
		return path, nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("make cache directory, which XDG_CACHE_HOME can move: %w", err)
	}
	lock := flock.New(path + lockSuffix)
	if _, err := lock.TryLockContext(ctx, retry); err != nil {
		return "", fmt.Errorf("lock cache entry %s (XDG_CACHE_HOME moves the cache): %w", path, err)
	}
	defer func() { _ = lock.Close() }() // closing the file is what unlocks it; there is nothing to lose
	if there, err := isThere(path); there || err != nil {
		return path, err
	}
	return path, fillLocked(ctx, path, fill)
}

// MarkUsed makes now the time of the last use of the entry at path, which is the modification time of its directory. That it
// can not be set does no harm but an early end.
func MarkUsed(path string) {
	now := time.Now()
	_ = os.Chtimes(path, now, now)
}

// fillLocked makes the entry at path. The caller holds its lock, so a temporary directory that is there belongs to
// nobody who lives.
func fillLocked(ctx context.Context, path string, fill func(context.Context, string) error) (err error) {
	dir, prefix := filepath.Dir(path), filepath.Base(path)+tempInfix
	if err := removeLeft(ctx, dir, prefix); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(dir, prefix)
	if err != nil {
		return fmt.Errorf("make cache entry: %w", err)
	}
	if err := os.Chmod(tmp, 0o755); err != nil {
		return fmt.Errorf("make cache entry: %w", err)
	}
	defer func() {
		// After a success the name is gone already. A fill that panics or ends its goroutine comes by here too.
		if rmErr := os.RemoveAll(tmp); err != nil && rmErr != nil {
			err = errors.Join(err, fmt.Errorf("remove half a cache entry: %w", rmErr))
		}
	}()
	if err := fill(ctx, tmp); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("fill cache entry: %w", err)
	}
	if err := syncContent(tmp); err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		return fmt.Errorf("complete cache entry: %w", err)
	}
	return syncDir(dir)
}

// removeLeft removes the temporary directories in dir whose names begin with prefix. A program that a dead filler started
// may still be at its last file there: that is waited for.
func removeLeft(ctx context.Context, dir, prefix string) error {
	list, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("look for what an interrupted run left: %w", err)
	}
	for _, entry := range list {
		if !strings.HasPrefix(entry.Name(), prefix) {
			continue
		}
		left := filepath.Join(dir, entry.Name())
		for err = os.RemoveAll(left); errors.Is(err, unix.ENOTEMPTY) && ctx.Err() == nil; err = os.RemoveAll(left) {
			time.Sleep(retry)
		}
		if err != nil {
			return fmt.Errorf("remove what an interrupted run left: %w", err)
		}
	}
	return nil
}

// fewFiles is how many files are brought to the disk one by one. An entry may be tens of thousands of small files, for
// which one syncfs(2) is cheaper than an fsync(2) each; but that waits for whatever else the machine is writing.
const fewFiles = 32

// syncContent brings everything below tmp to the disk, so that the rename cannot get there first.
func syncContent(tmp string) error {
	var paths []string
	err := filepath.WalkDir(tmp, func(path string, d fs.DirEntry, err error) error {
		if err == nil && (d.IsDir() || d.Type().IsRegular()) {
			paths = append(paths, path)
		}
		if err == nil && len(paths) > fewFiles {
			return fs.SkipAll
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("list cache entry: %w", err)
	}
	if len(paths) > fewFiles {
		return withFile(tmp, func(d *os.File) error { return unix.Syncfs(int(d.Fd())) })
	}
	for _, path := range paths {
		if err := withFile(path, (*os.File).Sync); err != nil {
			return err
		}
	}
	return nil
}

// syncDir brings the names in dir to the disk.
func syncDir(dir string) error {
	return withFile(dir, (*os.File).Sync)
}

func withFile(path string, do func(*os.File) error) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open for writing to disk: %w", err)
	}
	defer func() { _ = f.Close() }()
	if err := do(f); err != nil {
		return fmt.Errorf("write %s to disk: %w", path, err)
	}
	return nil
}

func isThere(path string) (bool, error) {
	switch _, err := os.Stat(path); {
	case err == nil:
		return true, nil
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	default:
		return false, fmt.Errorf("look up cache entry, which XDG_CACHE_HOME can move: %w", err)
	}
}

func checkKey(key string) error {
	if key == "" || key != filepath.Base(key) || strings.HasPrefix(key, ".") ||
		strings.Contains(key, tempInfix) || strings.HasSuffix(key, lockSuffix) {
		return fmt.Errorf("cache key %q is not usable as a directory's name", key)
	}
	return nil
}
