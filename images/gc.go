package images

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/kmodtest/kmodtest/images/cache"
	"github.com/kmodtest/kmodtest/images/internal/files"
)

// aging are the directories of the cache whose entries are removed when they have not been used for
// cache.MaxAge. They have an entry for each version of the inputs, which can be made again.
var aging = []string{"paths", "vmlinux", "modules", "fits", "roots", "trees", "programs", "initramfs", "qemu"}

// Garbage is an entry of the cache that CollectGarbage removed.
type Garbage struct {
	Path string
	Why  string
	Size int64 // in bytes
}

// CollectGarbage removes entries from the cache that are no longer needed, and returns them:
// incomplete entries of interrupted runs; kernels whose row has changed or been removed; archives with
// sources that no row names; and modules, programs, initramfs archives, and files made for kernels at
// paths, if they have not been used for two weeks. A kernel of a user's table is kept as long as that
// table has its row.
func CollectGarbage(ctx context.Context, opt Options) ([]Garbage, error) {
	opt, err := opt.withDefaults()
	if err != nil {
		return nil, err
	}
	c := &collection{opt: opt, kernels: map[string]bool{}, sources: map[string]bool{}}
	for _, step := range []func(context.Context) error{c.leftovers, c.oldKernels, c.oldSources, c.unused} {
		if err := step(ctx); err != nil {
			return c.found, fmt.Errorf("collect garbage: %w", err)
		}
	}
	return c.found, nil
}

// collection is one run of CollectGarbage.
type collection struct {
	opt     Options
	found   []Garbage
	kernels map[string]bool // keys of rows
	sources map[string]bool // source keys of rows
	tables  []string        // read already
}

func (c *collection) dir(name string) string { return filepath.Join(c.opt.Cache, name) }

// entries returns the names of the complete entries in a directory of the cache.
func (c *collection) entries(dir string) ([]string, error) {
	list, err := os.ReadDir(c.dir(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var names []string
	for _, entry := range list {
		if entry.IsDir() && cache.IsKey(entry.Name()) {
			names = append(names, entry.Name())
		}
	}
	return names, err
}

func (c *collection) remove(ctx context.Context, dir, key, why string) error {
	size, err := removeEntry(ctx, c.dir(dir), key)
	if err == nil {
		c.found = append(c.found, Garbage{Path: filepath.Join(c.dir(dir), key), Why: why, Size: size})
	}
	return err
}

func (c *collection) leftovers(context.Context) error {
	for _, dir := range append([]string{"kernels", "sources", "snapshots"}, aging...) {
		removed, err := cache.RemoveLeftovers(c.dir(dir))
		for _, path := range removed {
			c.found = append(c.found, Garbage{Path: path, Why: "an interrupted run left it incomplete"})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// useTable adds the keys of a table's rows; "" is the table for opt.Dir.
func (c *collection) useTable(ctx context.Context, table string) error {
	if slices.Contains(c.tables, table) {
		return nil
	}
	c.tables = append(c.tables, table)
	dir := c.opt.Dir
	if table != "" {
		dir = filepath.Dir(table)
	}
	rows, err := RowsFor(dir)
	if err != nil {
		return err
	}
	for _, row := range slices.Concat(rows, Rows()) { // a user's row may hide one of kmodtest's
		key, err := row.key(ctx)
		if err != nil {
			return fmt.Errorf("kernel %s: %w", row.Name, err)
		}
		c.kernels[key] = true
		if row.Source != nil && row.Source.Path == "" {
			c.sources[row.Source.Key(layout)] = true
		}
	}
	return nil
}

func (c *collection) oldKernels(ctx context.Context) error {
	keys, err := c.entries("kernels")
	if err != nil {
		return err
	}
	if err := c.useTable(ctx, ""); err != nil {
		return err
	}
	for _, key := range keys {
		// An entry that cannot be read belongs to no table.
		if r, err := readRecord(filepath.Join(c.dir("kernels"), key)); err == nil && r.Table != "" && files.Is(r.Table) {
			if err := c.useTable(ctx, r.Table); err != nil {
				return err
			}
		}
	}
	for _, key := range keys {
		if c.kernels[key] {
			continue
		}
		if err := c.remove(ctx, "kernels", key, "no kernels.toml row matches this build of "+nameOfKey(key)); err != nil {
			return err
		}
		if err := removeIfThere(logPath(c.opt, key)); err != nil {
			return err
		}
	}
	return nil
}

func (c *collection) oldSources(ctx context.Context) error {
	keys, err := c.entries("sources")
	for _, key := range keys {
		if err == nil && !c.sources[key] {
			err = c.remove(ctx, "sources", key, "no kernels.toml row uses these sources")
		}
	}
	return err
}

func (c *collection) unused(ctx context.Context) error {
	for _, dir := range aging {
		keys, err := c.entries(dir)
		if err != nil {
			return err
		}
		for _, key := range keys {
			info, err := os.Stat(filepath.Join(c.dir(dir), key))
			if err != nil || time.Since(info.ModTime()) < cache.MaxAge {
				continue // another process may have removed it
			}
			if err := c.remove(ctx, dir, key, "it has not been used for two weeks"); err != nil {
				return err
			}
		}
	}
	return nil
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
