// Package cache keeps directories that are expensive to make: each is filled once, under a lock,
// and then only read.
//
// An entry is complete or absent. It is filled in a temporary directory next to its final path and
// renamed when it is complete, so neither a crash nor an interrupt leaves an incomplete entry.
// Directories of the cache are accessible to the user only.
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

	// retry is the interval between attempts to take a lock that another caller holds: a
	// blocking flock(2) cannot be cancelled when a context ends.
	retry = 20 * time.Millisecond
)

// Dir returns the project's directory in the user's cache, $XDG_CACHE_HOME/kmodtest or
// ~/.cache/kmodtest. It may not exist. If it exists, belongs to this user and is accessible to
// others, Dir makes it private.
func Dir() (string, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the cache directory: %w; set HOME, or set XDG_CACHE_HOME to an absolute path", err)
	}
	dir = filepath.Join(dir, "kmodtest")
	closeDir(dir)
	return dir, nil
}

// Entry returns the path dir/key. If the entry does not exist, Entry makes it with fill.
//
// fill is called with an empty directory, which becomes the entry when fill returns nil. Its path
// changes then, so its contents must not refer to it by an absolute path. Callers that ask for the
// same entry at the same time, in this process or another, wait until it is filled or ctx ends. If
// fill fails, the next waiting caller tries again. If a process dies while it fills an entry, the next
// caller removes the incomplete files. For an existing entry, Entry makes three system calls, takes no lock and
// marks the entry as used. It makes dir and the entry private, see MakeDir.
//
// key must be usable as the name of a directory: no slash and no leading dot. It must not contain
// ".tmp-" or end in ".lock", which Entry uses itself.
func Entry(ctx context.Context, dir, key string, fill func(ctx context.Context, tmp string) error) (string, error) {
	path := filepath.Join(dir, key)
	if err := checkKey(key); err != nil {
		return "", err
	}
	if info, err := lookUp(path); err != nil {
		return path, err
	} else if info != nil {
		closeDir(dir)
		closeTo(path, info)
		MarkUsed(path)
		return path, nil
	}
	if err := MakeDir(dir); err != nil {
		return "", err
	}
	lock := flock.New(path + lockSuffix)
	if _, err := lock.TryLockContext(ctx, retry); err != nil {
		return "", fmt.Errorf("lock cache entry %s (set XDG_CACHE_HOME to use another cache): %w", path, err)
	}
	defer func() { _ = lock.Close() }() // closing the file unlocks it; no data can be lost
	if info, err := lookUp(path); info != nil || err != nil {
		return path, err
	}
	return path, fillLocked(ctx, path, fill)
}

// MarkUsed sets the time of last use of the entry at path, which is the modification time of its
// directory, to now. Errors are ignored: they only let the entry expire early.
func MarkUsed(path string) {
	now := time.Now()
	_ = os.Chtimes(path, now, now)
}

// fillLocked makes the entry at path. The caller holds its lock, so an existing temporary directory
// belongs to a process that has died.
func fillLocked(ctx context.Context, path string, fill func(context.Context, string) error) (err error) {
	dir, prefix := filepath.Dir(path), filepath.Base(path)+tempInfix
	if err := removeLeft(ctx, dir, prefix); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(dir, prefix)
	if err != nil {
		return fmt.Errorf("make cache entry: %w", err)
	}
	defer func() {
		// After a success, tmp has been renamed. This also runs if fill panics or ends its goroutine.
		if rmErr := os.RemoveAll(tmp); err != nil && rmErr != nil {
			err = errors.Join(err, fmt.Errorf("remove incomplete cache entry: %w", rmErr))
		}
	}()
	if err := fill(ctx, tmp); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("fill cache entry: %w", err)
	}
	if err := os.Chmod(tmp, private); err != nil { // dpkg-deb, for one, changes it
		return fmt.Errorf("make cache entry: %w", err)
	}
	if err := syncContent(tmp); err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		return fmt.Errorf("complete cache entry: %w", err)
	}
	return syncDir(dir)
}

// removeLeft removes the temporary directories in dir whose names begin with prefix. A program that
// a dead process started may still write its last file there, so removal is retried.
func removeLeft(ctx context.Context, dir, prefix string) error {
	list, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("look for leftovers of an interrupted run: %w", err)
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
			return fmt.Errorf("remove leftovers of an interrupted run: %w", err)
		}
	}
	return nil
}

// fewFiles is the largest number of files that are synced one by one. For tens of thousands of small
// files, one syncfs(2) is cheaper than an fsync(2) each, but it waits for all other writes of the
// file system, too.
const fewFiles = 32

// syncContent writes everything below tmp to disk, so that the rename cannot reach the disk first.
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

// syncDir writes the names in dir to disk.
func syncDir(dir string) error {
	return withFile(dir, (*os.File).Sync)
}

func withFile(path string, do func(*os.File) error) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open file to sync: %w", err)
	}
	defer func() { _ = f.Close() }()
	if err := do(f); err != nil {
		return fmt.Errorf("write %s to disk: %w", path, err)
	}
	return nil
}

// lookUp returns the file information of an entry, or nil if it does not exist.
func lookUp(path string) (fs.FileInfo, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("look up cache entry (set XDG_CACHE_HOME to use another cache): %w", err)
	}
	return info, nil
}

func checkKey(key string) error {
	if key == "" || key != filepath.Base(key) || strings.HasPrefix(key, ".") ||
		strings.Contains(key, tempInfix) || strings.HasSuffix(key, lockSuffix) {
		return fmt.Errorf("cache key %q cannot be the name of a directory", key)
	}
	return nil
}
