package oci

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/kmodtest/kmodtest/images/internal/bootimage"
	"github.com/kmodtest/kmodtest/images/internal/files"
	"github.com/kmodtest/kmodtest/images/internal/progress"
	"github.com/kmodtest/kmodtest/images/internal/unpack"
)

// attempts is how often a connection may be cut in each layer.
const attempts = 3

// platform is that of the images that are pushed, and of those in an index of several.
func platform() v1.Platform { return v1.Platform{OS: "linux", Architecture: "amd64"} }

// access returns the options of each connection. Passwords are those of docker login, or podman login.
func access(ctx context.Context) []remote.Option {
	return []remote.Option{remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain), remote.WithPlatform(platform())}
}

// open returns the image, whose layers are not fetched yet, and its digest.
func (k *Kernel) open(ctx context.Context) (v1.Image, v1.Hash, error) {
	ref, err := parseDigest(k.Image)
	if err != nil {
		return nil, v1.Hash{}, err
	}
	digest, err := v1.NewHash(ref.DigestStr())
	if err != nil {
		return nil, v1.Hash{}, err
	}
	image, err := remote.Image(ref, access(ctx)...)
	if err != nil {
		return nil, digest, fmt.Errorf("find image %s: %w", k.Image, err)
	}
	return image, digest, nil
}

// download fetches layers, verifies them, and unpacks the files of all for which keep returns true.
func download(ctx context.Context, layers []v1.Layer, dir string, keep func(name string) bool, show *progress.Progress) (err error) {
	scratch, err := os.MkdirTemp(dir, "layers-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	if err := checkSizes(layers); err != nil {
		return err
	}
	var fetched []v1.Layer
	var has unpack.Contents
	for i, layer := range layers {
		at := func(n int) float64 { return 80 * float64(n) / float64(len(layers)) }
		one := fetchedLayer{layer, filepath.Join(scratch, fmt.Sprint(i))}
		if err := fetchLayer(ctx, layer, one.file, show.Part(at(i), at(i+1))); err != nil {
			return err
		}
		if err := one.check(&has); err != nil {
			return fmt.Errorf("layer %d of %d: %w", i+1, len(layers), err)
		}
		fetched = append(fetched, one)
	}
	target, err := unpack.Open(dir)
	if err != nil {
		return err
	}
	defer target.Close()
	content := mutate.Extract(stack{empty.Image, fetched})
	defer content.Close()
	return target.Tar(content, keep)
}

// fetchLayer writes a layer, as it is compressed, to a file. Reading it to its end verifies its digest: unpacking it while
// it comes would not, because an archive may end earlier.
func fetchLayer(ctx context.Context, layer v1.Layer, path string, show func(float64)) error {
	size, err := layer.Size()
	if err != nil {
		return err
	}
	for range attempts {
		if err = copyLayer(layer, path, size, show); err == nil || ctx.Err() != nil {
			break
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("fetch a layer of %d bytes: %w; try again", size, err)
	}
	return nil
}

func copyLayer(layer v1.Layer, path string, size int64, show func(float64)) (err error) {
	content, err := layer.Compressed()
	if err != nil {
		return err
	}
	defer content.Close()
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	var have int64
	watch := writerFunc(func(p []byte) (int, error) {
		have += int64(len(p))
		show(100 * float64(have) / float64(max(size, 1)))
		return len(p), nil
	})
	_, err = io.Copy(io.MultiWriter(watch, file), content)
	return err
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// moveUp moves the contents of a directory below dir to dir, and removes all else there.
func moveUp(dir, below string) error {
	if err := files.CheckLinks(dir, below); err != nil {
		return err
	}
	from, err := os.MkdirTemp(filepath.Dir(dir), filepath.Base(dir)+"-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(from)
	inner := filepath.Join(from, "inner")
	if err := os.Rename(filepath.Join(dir, below), inner); err != nil {
		return fmt.Errorf("it has no directory %s: %w", below, err)
	}
	for _, emptied := range []string{dir, inner} {
		entries, err := os.ReadDir(emptied)
		if err != nil {
			return err
		}
		for _, entry := range entries {
			path := filepath.Join(emptied, entry.Name())
			if emptied == dir {
				err = os.RemoveAll(path)
			} else {
				err = os.Rename(path, filepath.Join(dir, entry.Name()))
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// releaseOf returns the release of a kernel's image, from its header or else from its name.
func releaseOf(image string) (string, error) {
	release, err := bootimage.Release(image)
	if errors.Is(err, bootimage.ErrNotBzImage) {
		release, err = strings.TrimPrefix(strings.TrimPrefix(filepath.Base(image), "vmlinuz"), "-"), nil
	}
	if err == nil && release == "" {
		err = fmt.Errorf("%s has no release: it is not a bzImage, and its name does not end in one", filepath.Base(image))
	}
	return release, err
}
