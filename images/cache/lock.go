package cache

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/gofrs/flock"
)

// Lock returns the path dir/key of a directory that changes, unlike an entry, and makes it if it does
// not exist. Until unlock is called, other callers that ask for it, in this process or another, and
// Remove wait, or until ctx ends. Lock marks the directory as used. The rules for key are those of
// Entry.
func Lock(ctx context.Context, dir, key string) (path string, unlock func(), err error) {
	if err := checkKey(key); err != nil {
		return "", nil, err
	}
	if err := MakeDir(dir); err != nil {
		return "", nil, err
	}
	path = filepath.Join(dir, key)
	lock := flock.New(path + lockSuffix)
	if _, err := lock.TryLockContext(ctx, retry); err != nil {
		return "", nil, fmt.Errorf("lock %s (set XDG_CACHE_HOME to use another cache): %w", path, err)
	}
	unlock = func() { _ = lock.Close() } // closing the file unlocks it; no data can be lost
	if err := MakeDir(path); err != nil {
		unlock()
		return "", nil, err
	}
	MarkUsed(path)
	return path, unlock, nil
}
