package cache

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/kmodtest/kmodtest/images/internal/files"
)

// MaxAge is how long an entry may stay unused.
const MaxAge = 14 * 24 * time.Hour

const (
	maxRoom = 4 << 30   // bytes on the disk, of all entries in a directory together
	inUse   = time.Hour // since it asked for an entry, a run may still need it
)

// Trim is for directories whose entries can be made again at any time, and are made by each change of a
// module. It removes the entries in dir that have not been used for MaxAge, and then the least recently
// used ones until the others fit into 4 GiB. The entry at path keep stays, and so do entries that were
// used within the last hour. What cannot be removed now is left for the next time.
func Trim(ctx context.Context, dir, keep string) { trim(ctx, dir, keep, maxRoom) }

func trim(ctx context.Context, dir, keep string, room int64) {
	type entry struct {
		key  string
		used time.Time
		size int64
	}
	_, _ = RemoveLeftovers(dir)
	list, _ := os.ReadDir(dir)
	var entries []entry
	for _, item := range list {
		info, err := item.Info()
		if err != nil || !info.IsDir() || !IsKey(item.Name()) {
			continue // another process may have removed it
		}
		path := filepath.Join(dir, item.Name())
		size, err := files.DiskUsage(path)
		switch {
		case err != nil:
		case path == keep:
			room -= size
		default:
			entries = append(entries, entry{item.Name(), info.ModTime(), size})
		}
	}
	slices.SortFunc(entries, func(a, b entry) int { return cmp.Compare(b.used.UnixNano(), a.used.UnixNano()) })
	for _, e := range entries {
		room -= e.size
		unused := time.Since(e.used)
		if unused > MaxAge || room < 0 && unused > inUse {
			_ = Remove(ctx, dir, e.key)
		}
	}
}
