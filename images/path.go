package images

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/kmodtest/kmodtest/images/arch"
	"github.com/kmodtest/kmodtest/images/internal/place"
)

// resolvePath returns the kernel at a path.
func resolvePath(ctx context.Context, name string, opt Options) (*Kernel, error) {
	path, err := filepath.Abs(name)
	if err != nil {
		return nil, fmt.Errorf("find kernel at %s: %w", name, err)
	}
	found, err := place.Find(path)
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w; to use a kernel's name instead of a path, write it without a slash: %s", err, strings.Join(namesLike("", Names()), ", "))
	}
	if err != nil {
		return nil, fmt.Errorf("find kernel at %s: %w", name, err)
	}
	if err := found.Prepare(ctx, opt.Cache); err != nil {
		return nil, fmt.Errorf("prepare kernel at %s: %w", name, err)
	}
	boot, err := place.BootFile(ctx, found.Image, opt.Cache)
	if err != nil {
		return nil, fmt.Errorf("prepare kernel at %s: %w", name, err)
	}
	return &Kernel{
		Name: name, Arch: arch.OfBuild(found.Build).Name, Release: found.Release, Image: found.Image, Boot: boot, Build: found.Build, Modules: found.Modules, Key: found.Key,
	}, nil
}
