package cache

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// private is the mode of directories in the cache. Snapshots of machines may hold secrets, and
// programs in the cache run as this user.
const private fs.FileMode = 0o700

// MakeDir makes a directory of the cache and its parents, accessible to this user only. If dir exists
// and belongs to this user, access for others is removed.
func MakeDir(dir string) error {
	if err := os.MkdirAll(dir, private); err != nil {
		return fmt.Errorf("make cache directory (set XDG_CACHE_HOME to use another cache): %w", err)
	}
	closeDir(dir)
	return nil
}

// closeDir removes the access of group and others to dir, if dir exists and belongs to this user.
// Errors are ignored: some file systems have no permissions, and a cache may be read-only.
func closeDir(dir string) {
	if info, err := os.Stat(dir); err == nil {
		closeTo(dir, info)
	}
}

// closeTo is closeDir for a directory that has been looked up.
func closeTo(dir string, info fs.FileInfo) {
	const others = fs.ModePerm &^ private
	st, ok := info.Sys().(*syscall.Stat_t)
	if ok && info.Mode()&others != 0 && int(st.Uid) == os.Geteuid() {
		_ = os.Chmod(dir, info.Mode()&^others)
	}
}
