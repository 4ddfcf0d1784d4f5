package images

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/kmodtest/kmodtest/images/cache"
	"github.com/kmodtest/kmodtest/images/internal/bootimage"
)

// vmlinuxFile is the name of an unpacked kernel in a cache entry. If an entry does not have it, only
// the image itself can be booted.
const vmlinuxFile = "vmlinux"

// bootFile returns the file to boot for an image at a path: the kernel inside it, unpacked in the
// cache, or else the image.
func bootFile(ctx context.Context, image string, opt Options) (string, error) {
	if _, err := bootimage.Release(image); errors.Is(err, bootimage.ErrNotBzImage) {
		return image, nil
	} else if err != nil {
		return "", err
	}
	dir := filepath.Join(opt.Cache, "vmlinux")
	seen := newFingerprint()
	seen.file(image)
	key, err := seen.hex()
	if err != nil {
		return "", err
	}
	family := digest(image)[:16] + "-"
	entry, err := cache.Entry(ctx, dir, family+digest(layout, key)[:32], func(ctx context.Context, tmp string) error {
		if _, err := bootimage.Unpack(ctx, image, filepath.Join(tmp, vmlinuxFile)); err != nil {
			return err
		}
		return prune(dir, family)
	})
	if err != nil {
		return "", fmt.Errorf("unpack kernel: %w", err)
	}
	if path := filepath.Join(entry, vmlinuxFile); isFile(path) {
		return path, nil
	}
	return image, nil
}
