package oci

import (
	"context"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/kmodtest/kmodtest/images/internal/apt"
	"github.com/kmodtest/kmodtest/images/internal/files"
	"github.com/kmodtest/kmodtest/images/internal/packageroot"
	"github.com/kmodtest/kmodtest/images/internal/progress"
)

// Kernel names an image with a kernel.
type Kernel struct {
	Image     string `toml:"image"`     // oci://REGISTRY/NAME@sha256:…
	Directory string `toml:"directory"` // the directory with boot and lib/modules in an image that kmodtest did not push; "" is /
}

// Check returns an error if the address is missing or has no digest.
func (k *Kernel) Check() error {
	if k.Image == "" {
		return errors.New("[kernel.oci] requires image, an address such as oci://registry.example.com/kernels@sha256:…")
	}
	if _, err := parseDigest(k.Image); err != nil {
		return fmt.Errorf("[kernel.oci] image: %w", err)
	}
	return nil
}

// Origin returns the address of the image with the beginning of the digest.
func (k *Kernel) Origin() string {
	const digits = len("sha256:") + 12
	repository, digest, _ := strings.Cut(k.Image, "@")
	return repository + "@" + digest[:min(digits, len(digest))]
}

// Place identifies the image.
func (k *Kernel) Place() []string { return []string{"oci", k.Image} }

// Contents identifies the part of the image.
func (k *Kernel) Contents() []string { return []string{k.Directory} }

// Fetch unpacks the kernel of the image into dir: all that Push stored, or else boot/vmlinuz-RELEASE and what there is of
// the kernel's modules and of the directories for building modules. It returns the image as if it were a package.
func (k *Kernel) Fetch(ctx context.Context, _ func(string) string, dir string, show *progress.Progress) ([]apt.Package, []string, error) {
	image, digest, err := k.open(ctx)
	if err != nil {
		return nil, nil, err
	}
	layers, pushed, err := layersOf(image, kernelPart)
	if err != nil {
		return nil, nil, fmt.Errorf("read image %s: %w", k.Image, err)
	}
	keep := func(string) bool { return true }
	if !pushed {
		keep = k.keep
	}
	if err := download(ctx, layers, dir, keep, show); err != nil {
		return nil, nil, fmt.Errorf("fetch image %s: %w", k.Image, err)
	}
	if !pushed {
		if err := arrange(dir, k.Directory); err != nil {
			return nil, nil, fmt.Errorf("image %s: %w", k.Image, err)
		}
	}
	return []apt.Package{{Name: k.Image, Version: digest.Hex[:12], SHA256: digest.Hex}}, nil, nil
}

// FetchRoot unpacks the build root that was pushed with the kernel.
func (k *Kernel) FetchRoot(ctx context.Context, _ func(string) string, _ []string, dir string, show *progress.Progress) error {
	image, _, err := k.open(ctx)
	if err != nil {
		return err
	}
	layers, _, err := layersOf(image, rootPart)
	if err != nil {
		return fmt.Errorf("read image %s: %w", k.Image, err)
	}
	if len(layers) == 0 {
		return fmt.Errorf("image %s has no build root: install what this system lacks, or push the kernel with kmodtest kernel push --root", k.Image)
	}
	if err := download(ctx, layers, dir, func(string) bool { return true }, show); err != nil {
		return fmt.Errorf("fetch image %s: %w", k.Image, err)
	}
	return moveUp(dir, rootPart)
}

// keep reports whether a file of an image that kmodtest did not push is kept: the kernel, its modules, and what builds of
// modules may read.
func (k *Kernel) keep(name string) bool {
	top := strings.Trim(path.Clean("/"+k.Directory), "/")
	if name, ok := strings.CutPrefix(name+"/", top+"/"); ok || top == "" {
		name = strings.TrimSuffix(name, "/")
		for _, dir := range []string{"boot", "lib/modules", "usr/lib/modules", "usr/src"} {
			if name == dir || strings.HasPrefix(name, dir+"/") {
				return true
			}
		}
		return name == "lib" // it may be a link
	}
	return false
}

// arrange moves the directory of the kernel to the top, and its image to boot/vmlinuz-RELEASE.
func arrange(dir, directory string) error {
	if top := strings.Trim(path.Clean("/"+directory), "/"); top != "" {
		if err := moveUp(dir, top); err != nil {
			return err
		}
	}
	if err := packageroot.Enclose(dir); err != nil {
		return err
	}
	found, err := files.Glob(dir, "boot/vmlinuz*")
	if err != nil {
		return err
	}
	switch len(found) {
	case 0:
		return fmt.Errorf("it has no kernel: there is no file boot/vmlinuz* in /%s", directory)
	case 1:
	default:
		return fmt.Errorf("it has %d kernels in /%s: kmodtest needs an image with one", len(found), path.Join(directory, "boot"))
	}
	release, err := releaseOf(found[0])
	if err != nil {
		return err
	}
	to := filepath.Join(dir, "boot/vmlinuz-"+release)
	if to == found[0] {
		return nil
	}
	return files.Move(found[0], to)
}

// part is a part of an image that kmodtest pushed: the directory in the image, or the value of an annotation.
type part = string

const (
	kernelPart part = "kernel"
	rootPart   part = "build-root"
)

// partAnnotation marks the layers of an image that kmodtest pushed.
const partAnnotation = "io.github.kmodtest.part"

// layersOf returns the layers of one part, and whether kmodtest pushed the image. All layers of another image are its
// kernel.
func layersOf(image v1.Image, wanted part) (layers []v1.Layer, pushed bool, err error) {
	manifest, err := image.Manifest()
	if err != nil {
		return nil, false, err
	}
	all, err := image.Layers()
	if err != nil {
		return nil, false, err
	}
	for i, layer := range manifest.Layers {
		name := layer.Annotations[partAnnotation]
		pushed = pushed || name != ""
		if name == wanted {
			layers = append(layers, all[i])
		}
	}
	if !pushed && wanted == kernelPart {
		return all, false, nil
	}
	return layers, pushed, nil
}
