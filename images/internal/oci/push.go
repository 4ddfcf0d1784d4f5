package oci

import (
	"context"
	"fmt"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Image is what an image is made of.
type Image struct {
	Arch    string            // GOARCH of the kernel
	Kernel  string            // directory of the kernel
	Root    string            // directory of the build root; "" if the image has none
	Replace map[string][]byte // new contents for files of the kernel
}

// Push stores the image at address, which has a tag. It returns the address with the digest. scratch is a directory for
// temporary files. The same contents have the same digest.
func (i Image) Push(ctx context.Context, address, scratch string) (string, error) {
	ref, err := parseTag(address)
	if err != nil {
		return "", err
	}
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	if image, err = mutate.ConfigFile(image, &v1.ConfigFile{OS: platform().OS, Architecture: i.Arch, RootFS: v1.RootFS{Type: "layers"}}); err != nil {
		return "", err
	}
	if image, err = withPart(ctx, image, kernelPart, packing{dir: i.Kernel, replace: i.Replace}, scratch); err != nil {
		return "", err
	}
	if i.Root != "" {
		if image, err = withPart(ctx, image, rootPart, packing{dir: i.Root, below: rootPart}, scratch); err != nil {
			return "", err
		}
	}
	if err := remote.Write(ref, image, access(ctx)...); err != nil {
		return "", fmt.Errorf("push to %s: %w", address, err)
	}
	digest, err := image.Digest()
	return scheme + ref.Context().Digest(digest.String()).Name(), err
}

// withPart adds a layer to an image.
func withPart(ctx context.Context, image v1.Image, name part, content packing, scratch string) (v1.Image, error) {
	file := filepath.Join(scratch, name)
	if err := content.write(ctx, file); err != nil {
		return nil, fmt.Errorf("pack %s: %w", content.dir, err)
	}
	layer, err := tarball.LayerFromFile(file, tarball.WithMediaType(types.OCILayerZStd))
	if err != nil {
		return nil, err
	}
	return mutate.Append(image, mutate.Addendum{
		Layer: layer, Annotations: map[string]string{partAnnotation: name}, MediaType: types.OCILayerZStd,
		History: v1.History{CreatedBy: "kmodtest kernel push"},
	})
}
