// Package snapshots removes saved machines from the cache.
package snapshots

import (
	"cmp"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/kmodtest/kmodtest/images/cache"
)

// Manifest is the name of the file that each snapshot has.
const Manifest = "snapshot.json"

// Limits of the snapshots in the cache. A snapshot that was just made is kept.
const (
	maxAge  = 14 * 24 * time.Hour // since its last use
	maxRoom = 4 << 30             // bytes on the disk, of all together
)

// Prune removes snapshots in dir, except keep, that have not been used for a long time, and
// then the least recently used ones until the others fit into the limit of space.
// Machines that run from a removed snapshot are not affected. Snapshots that cannot
// be removed now are left for the next time.
func Prune(dir, keep string, now time.Time) {
	type entry struct {
		path string
		used time.Time
		size int64
	}
	_, _ = cache.RemoveLeftovers(dir) // what remains is tried again the next time
	var entries []entry
	names, _ := filepath.Glob(filepath.Join(dir, "*", Manifest)) // the pattern is well formed
	for _, name := range names {
		path := filepath.Dir(name)
		info, err := os.Stat(path)
		if err != nil || path == keep || strings.Contains(filepath.Base(path), ".tmp") {
			continue
		}
		entries = append(entries, entry{path, info.ModTime(), diskUsage(path)})
	}
	slices.SortFunc(entries, func(a, b entry) int { return cmp.Compare(b.used.UnixNano(), a.used.UnixNano()) })
	total := diskUsage(keep)
	for _, e := range entries {
		total += e.size
		if now.Sub(e.used) > maxAge || total > maxRoom {
			_ = Remove(e.path)
		}
	}
}

// Remove removes a snapshot. Machines that run from it are not affected.
func Remove(dir string) error {
	gone := dir + ".tmp-gone"
	if err := os.RemoveAll(gone); err != nil { // left by a removal that was interrupted
		return err
	}
	if err := os.Rename(dir, gone); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return os.RemoveAll(gone)
}

// diskUsage returns how many bytes the files in a directory occupy on the disk:
// the file of a memory is mostly holes.
func diskUsage(dir string) int64 {
	var total int64
	files, _ := filepath.Glob(filepath.Join(dir, "*")) // the pattern is well formed
	for _, path := range files {
		var st syscall.Stat_t
		if syscall.Stat(path, &st) == nil {
			total += st.Blocks * 512
		}
	}
	return total
}
