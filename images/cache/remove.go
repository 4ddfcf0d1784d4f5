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

// Remove removes the entry dir/key, and waits for one who fills it now. It is gone as a whole at once, and one that is not there
// is no error. Whoever uses the entry must see to it themselves that it is not removed under them.
func Remove(ctx context.Context, dir, key string) error {
	if err := checkKey(key); err != nil {
		return err
	}
	path := filepath.Join(dir, key)
	if there, err := isThere(path); err != nil || !there {
		return err
	}
	lock := flock.New(path + lockSuffix)
	if _, err := lock.TryLockContext(ctx, retry); err != nil {
		return fmt.Errorf("lock cache entry %s: %w", path, err)
	}
	defer func() { _ = lock.Close() }() // closing the file is what unlocks it; there is nothing to lose
	gone := path + tempInfix + "removed"
	err := os.RemoveAll(gone) // somebody may have died while removing an earlier one
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

// Busy reports whether somebody fills the entry dir/key right now.
func Busy(dir, key string) bool {
	path := filepath.Join(dir, key) + lockSuffix
	if _, err := os.Stat(path); err != nil {
		return false
	}
	lock := flock.New(path)
	free, err := lock.TryLock()
	_ = lock.Close() // there is nothing to lose
	return err == nil && !free
}

// IsKey reports whether a name in a directory of entries is that of an entry, and not one of Entry's own.
func IsKey(name string) bool { return checkKey(name) == nil }

// RemoveLeftovers removes what fillers that died left in dir, and returns the paths. What somebody fills right now stays.
func RemoveLeftovers(dir string) ([]string, error) {
	list, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look for what dead runs left: %w", err)
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
			return removed, fmt.Errorf("remove what a dead run left: %w", err)
		}
		if done {
			removed = append(removed, path)
		}
	}
	return removed, nil
}

// removeUnlocked removes a directory, unless somebody holds the lock.
func removeUnlocked(lockPath, path string) (bool, error) {
	lock := flock.New(lockPath)
	free, err := lock.TryLock()
	defer func() { _ = lock.Close() }() // there is nothing to lose
	if err != nil || !free {
		return false, err
	}
	return true, os.RemoveAll(path)
}
