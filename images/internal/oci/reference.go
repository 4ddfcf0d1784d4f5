// Package oci stores kernels as images in registries of containers, and fetches them.
package oci

import (
	"fmt"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
)

// scheme begins the address of an image, as in kernels.toml and on the command line.
const scheme = "oci://"

// parseDigest parses the address of an image that names its content: oci://REGISTRY/NAME@sha256:…
func parseDigest(address string) (name.Digest, error) {
	rest, ok := strings.CutPrefix(address, scheme)
	if !ok {
		return name.Digest{}, fmt.Errorf("%q does not begin with %s", address, scheme)
	}
	ref, err := name.NewDigest(rest, name.StrictValidation)
	if err != nil {
		return name.Digest{}, fmt.Errorf("%q does not name an image by its digest, as in oci://registry.example.com/kernels@sha256:…: "+
			"kmodtest kernel push prints such an address", address)
	}
	return ref, nil
}

// parseTag parses the address to push to: oci://REGISTRY/NAME:TAG
func parseTag(address string) (name.Tag, error) {
	rest, ok := strings.CutPrefix(address, scheme)
	if !ok {
		return name.Tag{}, fmt.Errorf("%q does not begin with %s", address, scheme)
	}
	ref, err := name.NewTag(rest, name.StrictValidation)
	if err != nil {
		return name.Tag{}, fmt.Errorf("%q is not an address with a registry, a name and a tag, as in oci://registry.example.com/kernels:6.1", address)
	}
	return ref, nil
}
