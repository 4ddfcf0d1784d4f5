package place

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/kmodtest/kmodtest/images/cache"
	"github.com/kmodtest/kmodtest/images/internal/bootimage"
	"github.com/kmodtest/kmodtest/images/internal/files"
	"github.com/kmodtest/kmodtest/images/internal/fingerprint"
)

// vmlinuxFile is the name of an unpacked kernel in a cache entry. If an entry does not have it, only
// the image itself can be booted.
const vmlinuxFile = "vmlinux"

// BootFile returns the file to boot for an image at a path: the kernel inside it, unpacked in a
// directory of the cache, or else the image.
func BootFile(ctx context.Context, image, cacheDir string) (string, error) {
	if _, err := bootimage.Release(image); errors.Is(err, bootimage.ErrNotBzImage) {
		return image, nil
	} else if err != nil {
		return "", err
	}
	dir := filepath.Join(cacheDir, "vmlinux")
	seen := fingerprint.New()
	seen.File(image)
	key, err := seen.Hex()
	if err != nil {
		return "", err
	}
	family := cache.Digest(image)[:16] + "-"
	entry, err := cache.Entry(ctx, dir, family+cache.Digest(layout, key)[:32], func(ctx context.Context, tmp string) error {
		if _, err := bootimage.Unpack(ctx, image, filepath.Join(tmp, vmlinuxFile)); err != nil {
			return err
		}
		return prune(dir, family)
	})
	if err != nil {
		return "", fmt.Errorf("unpack kernel: %w", err)
	}
	if path := filepath.Join(entry, vmlinuxFile); files.Is(path) {
		return path, nil
	}
	return image, nil
}
