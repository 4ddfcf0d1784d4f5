package cache

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/gofrs/flock"
)

// Remove removes the entry dir/key atomically. If the entry is being filled, Remove waits. A missing
// entry is not an error. Callers must make sure themselves that nothing uses the entry.
func Remove(ctx context.Context, dir, key string) error {
	if err := checkKey(key); err != nil {
		return err
	}
	path := filepath.Join(dir, key)
	if info, err := lookUp(path); err != nil || info == nil {
		return err
	}
	lock := flock.New(path + lockSuffix)
	if _, err := lock.TryLockContext(ctx, retry); err != nil {
		return fmt.Errorf("lock cache entry %s: %w", path, err)
	}
	defer func() { _ = lock.Close() }() // closing the file unlocks it; no data can be lost
	gone := path + tempInfix + "removed"
	err := os.RemoveAll(gone) // an earlier removal may have been interrupted
	if err == nil {
		err = os.Rename(path, gone)
	}
	if err == nil {
		err = os.RemoveAll(gone)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove cache entry: %w", err)
	}
	return nil
}

// Busy reports whether the entry dir/key is being filled.
func Busy(dir, key string) bool {
	path := filepath.Join(dir, key) + lockSuffix
	if _, err := os.Stat(path); err != nil {
		return false
	}
	lock := flock.New(path)
	free, err := lock.TryLock()
	_ = lock.Close() // no data can be lost
	return err == nil && !free
}

// IsKey reports whether name, found in a directory of entries, is the key of an entry and not a name
// that Entry uses itself.
func IsKey(name string) bool { return checkKey(name) == nil }

// RemoveLeftovers removes the temporary directories that dead processes left in dir, and returns their
// paths. It does not touch entries that are being filled.
func RemoveLeftovers(dir string) ([]string, error) {
	list, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look for leftovers of interrupted runs: %w", err)
	}
	var removed []string
	for _, entry := range list {
		key, _, temporary := strings.Cut(entry.Name(), tempInfix)
		if !temporary {
			continue
		}
		path := filepath.Join(dir, entry.Name())
		done, err := removeUnlocked(filepath.Join(dir, key)+lockSuffix, path)
		if err != nil {
			return removed, fmt.Errorf("remove leftovers of an interrupted run: %w", err)
		}
		if done {
			removed = append(removed, path)
		}
	}
	return removed, nil
}

// removeUnlocked removes a directory unless its lock is held, and reports whether it did.
func removeUnlocked(lockPath, path string) (bool, error) {
	lock := flock.New(lockPath)
	free, err := lock.TryLock()
	defer func() { _ = lock.Close() }() // no data can be lost
	if err != nil || !free {
		return false, err
	}
	return true, os.RemoveAll(path)
}
