package images

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/kmodtest/kmodtest/images/cache"
	"github.com/kmodtest/kmodtest/images/internal/apt"
	"github.com/kmodtest/kmodtest/images/internal/files"
	"github.com/kmodtest/kmodtest/images/internal/packageroot"
	"github.com/kmodtest/kmodtest/images/internal/sourcetree"
)

// Names of the files in an entry of sources.
const (
	archiveFile = "archive"
	originFile  = "origin.json"
)

// unpackSource fills the tree to build in, and returns the origin of its sources.
func (b *build) unpackSource(ctx context.Context) (origin, error) {
	s := b.row.Source
	if s.Path == "" {
		archive, from, err := b.fetchSource(ctx)
		if err != nil {
			return from, err
		}
		return from, b.tree.Unpack(ctx, archive, "--strip-components=1")
	}
	dir := b.row.file(s.Path)
	state, err := sourcetree.State(ctx, dir, s.Ref)
	if err != nil {
		return origin{}, err
	}
	from := origin{Name: dir, Sum: state}
	if s.Ref == "" {
		return from, b.tree.Copy(ctx, dir)
	}
	from.Version = state[:12]
	archive := filepath.Join(b.entry, "src.tar")
	if err := sourcetree.Archive(ctx, dir, state, archive); err != nil {
		return from, err
	}
	if err := b.tree.Unpack(ctx, archive); err != nil {
		return from, err
	}
	return from, os.Remove(archive)
}

// fetchSource returns the path of the archive with a row's sources in the cache, and fetches it if it
// is not there. If several packages match a pattern, it fetches the newest.
func (b *build) fetchSource(ctx context.Context) (string, origin, error) {
	var from origin
	s := b.row.Source
	entry, err := cache.Entry(ctx, filepath.Join(b.opt.Cache, "sources"), s.Key(layout), func(ctx context.Context, tmp string) (err error) {
		if s.URL != "" {
			b.show.Line("fetching %s", s.URL)
			from = origin{Name: s.URL, Version: strings.ToLower(s.SHA256[:12]), Sum: strings.ToLower(s.SHA256)}
			err = s.FetchURL(ctx, filepath.Join(tmp, archiveFile), b.show.Part(0, 5))
		} else {
			from, err = b.fetchSourcePackage(ctx, tmp)
		}
		if err != nil {
			return err
		}
		text, err := json.Marshal(from)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(tmp, originFile), append(text, '\n'), 0o644)
	})
	if err != nil {
		return "", from, fmt.Errorf("fetch sources: %w", err)
	}
	text, err := os.ReadFile(filepath.Join(entry, originFile))
	if err == nil {
		err = json.Unmarshal(text, &from)
	}
	if err != nil {
		return "", from, fmt.Errorf("read sources in cache: %w; remove %s to fetch them again", err, entry)
	}
	return filepath.Join(entry, archiveFile), from, nil
}

// fetchSourcePackage fetches a package and extracts the archive with the sources.
func (b *build) fetchSourcePackage(ctx context.Context, tmp string) (origin, error) {
	mirrors, err := debianMirrors(ctx, b.opt)
	if err != nil {
		return origin{}, err
	}
	s := b.row.Source
	b.show.Line("fetching the sources of kernel %s (Debian %s%s)", b.row.Name, s.Suite, b.row.size())
	scratch := filepath.Join(tmp, "apt")
	if err := os.Mkdir(scratch, 0o700); err != nil {
		return origin{}, fmt.Errorf("make directory for apt: %w", err)
	}
	archive := &apt.Archive{Mirrors: mirrors, Suite: s.Suite, Architecture: b.row.Arch, Dir: scratch}
	if err := archive.Update(ctx, b.show.Part(0, 1)); err != nil {
		return origin{}, err
	}
	found, err := archive.Find(ctx, s.Package)
	if err != nil {
		return origin{}, err
	}
	debs, err := archive.Download(ctx, scratch, []apt.Package{found}, b.show.Part(1, 4))
	if err != nil {
		return origin{}, err
	}
	unpacked := filepath.Join(tmp, "unpacked")
	if err := os.Mkdir(unpacked, 0o700); err != nil {
		return origin{}, err
	}
	if err := unpackDebs(ctx, debs, unpacked, b.show.Part(4, 5)); err != nil {
		return origin{}, err
	}
	if err := packageroot.Enclose(unpacked); err != nil {
		return origin{}, err
	}
	inside, err := files.Glob(unpacked, "usr/src/linux-source-*.tar.*")
	if err != nil || len(inside) != 1 || !files.IsItself(inside[0]) {
		return origin{}, fmt.Errorf("find sources in package %s: it has %d archives, want 1", found.Name, len(inside))
	}
	err = errors.Join(os.Rename(inside[0], filepath.Join(tmp, archiveFile)), os.RemoveAll(unpacked), os.RemoveAll(scratch))
	return origin{Name: found.Name, Version: found.Version, Sum: found.SHA256}, err
}
