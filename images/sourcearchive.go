package images

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/kmodtest/kmodtest/images/cache"
	"github.com/kmodtest/kmodtest/images/internal/apt"
)

// Names of the files in an entry of sources.
const (
	archiveFile = "archive"
	originFile  = "origin.json"
)

// sourceKey returns the name under which the archive of a row's sources is kept: rows with the same sources share it.
func (s *Source) sourceKey() string {
	if s.URL != "" {
		return strings.ToLower(s.SHA256)[:32]
	}
	return digest(layout, s.Suite, s.Package)[:32]
}

// fetchSource returns the path of the archive with a row's sources, from the cache if it is there. Of packages that match a
// pattern it is the newest there was when it was fetched.
func (b *build) fetchSource(ctx context.Context) (string, origin, error) {
	var from origin
	s := b.row.Source
	entry, err := cache.Entry(ctx, filepath.Join(b.opt.Cache, "sources"), s.sourceKey(), func(ctx context.Context, tmp string) (err error) {
		if s.URL != "" {
			from, err = fetchURL(ctx, s, filepath.Join(tmp, archiveFile), b.show, mostSilence)
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
		return "", from, fmt.Errorf("read sources in cache, remove %s to have them fetched again: %w", entry, err)
	}
	return filepath.Join(entry, archiveFile), from, nil
}

// fetchSourcePackage takes the archive with the sources out of a package.
func (b *build) fetchSourcePackage(ctx context.Context, tmp string) (origin, error) {
	mirror, err := debianMirror(ctx, b.opt)
	if err != nil {
		return origin{}, err
	}
	s := b.row.Source
	b.show.line("fetching the sources of kernel %s (Debian %s%s)", b.row.Name, s.Suite, b.row.size())
	scratch := filepath.Join(tmp, "apt")
	if err := os.Mkdir(scratch, 0o700); err != nil {
		return origin{}, fmt.Errorf("make directory for apt: %w", err)
	}
	archive := &apt.Archive{Mirror: mirror, Suite: s.Suite, Architecture: b.row.Arch, Dir: scratch}
	if err := archive.Update(ctx, b.show.part(0, 1)); err != nil {
		return origin{}, err
	}
	found, err := archive.Find(ctx, s.Package)
	if err != nil {
		return origin{}, err
	}
	files, err := archive.Download(ctx, scratch, []apt.Package{found}, b.show.part(1, 4))
	if err != nil {
		return origin{}, err
	}
	unpacked := filepath.Join(tmp, "unpacked")
	if err := unpack(ctx, files, unpacked, b.show.part(4, 5)); err != nil {
		return origin{}, err
	}
	inside, err := glob(unpacked, "usr/src/linux-source-*.tar.*")
	if err != nil || len(inside) != 1 {
		return origin{}, fmt.Errorf("find the sources in package %s: there are %d archives, not 1", found.Name, len(inside))
	}
	err = errors.Join(os.Rename(inside[0], filepath.Join(tmp, archiveFile)), os.RemoveAll(unpacked), os.RemoveAll(scratch))
	return origin{Name: found.Name, Version: found.Version, Sum: found.SHA256}, err
}

// mostSilence is how long a server may send nothing.
const mostSilence = time.Minute

// fetchURL fetches an archive, which must have the sum that the row names, from a server that is never silent for longer.
func fetchURL(ctx context.Context, s *Source, to string, show *progress, longest time.Duration) (_ origin, err error) {
	show.line("fetching %s", s.URL)
	caller := ctx
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silence := time.AfterFunc(longest, func() { cancel(fmt.Errorf("%s: the server has sent nothing for %v, try again", s.URL, longest)) })
	defer silence.Stop()
	defer func() {
		switch {
		case err == nil:
		case caller.Err() != nil:
			err = caller.Err()
		case ctx.Err() != nil:
			err = context.Cause(ctx)
		}
	}()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL, http.NoBody)
	if err != nil {
		return origin{}, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return origin{}, err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return origin{}, fmt.Errorf("%s: the server says %s", s.URL, response.Status)
	}
	file, err := os.Create(to)
	if err != nil {
		return origin{}, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	hash := sha256.New()
	move := show.part(0, 5)
	count := counter(func(n int64) {
		silence.Reset(longest)
		if response.ContentLength > 0 {
			move(100 * float64(n) / float64(response.ContentLength))
		}
	})
	n, err := io.Copy(io.MultiWriter(file, hash, &count), response.Body)
	if err != nil {
		return origin{}, fmt.Errorf("%s broke off after %d of %d bytes, try again: %w", s.URL, n, response.ContentLength, err)
	}
	sum := hex.EncodeToString(hash.Sum(nil))
	if !strings.EqualFold(sum, s.SHA256) {
		return origin{}, fmt.Errorf("%s has the SHA-256 %s, but the row asks for %s: one of the two is wrong", s.URL, sum, strings.ToLower(s.SHA256))
	}
	return origin{Name: s.URL, Version: sum[:12], Sum: sum}, nil
}
