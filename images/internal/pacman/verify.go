package pacman

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"

	"github.com/kmodtest/kmodtest/images/internal/fetch"
	"github.com/kmodtest/kmodtest/images/internal/keyring"
)

// Fetch fetches a package into dir and returns the path of the file. The repository's list has its sum, and one of the keys
// must have signed it.
func Fetch(ctx context.Context, p Package, keys keyring.Keys, dir string, progress func(percent float64)) (string, error) {
	file := path.Join(dir, "package.tar")
	signature := file + ".sig"
	fail := func(err error) (string, error) {
		for _, name := range []string{file, signature} {
			if left := os.Remove(name); !errors.Is(left, os.ErrNotExist) {
				err = errors.Join(err, left)
			}
		}
		return "", err
	}
	if err := (fetch.File{URL: p.URL, SHA256: p.SHA256, Most: mostPackage}).To(ctx, file, progress); err != nil {
		return fail(fmt.Errorf("fetch package %s: %w", p.Name, err))
	}
	if err := (fetch.File{URL: p.URL + ".sig", Most: mostSignature}).To(ctx, signature, func(float64) {}); err != nil {
		return fail(fmt.Errorf("fetch the signature of package %s: %w", p.Name, err))
	}
	if err := keys.VerifyDetached(file, signature); err != nil {
		return fail(fmt.Errorf("verify package %s: %w", p.Name, err))
	}
	return file, os.Remove(signature)
}
