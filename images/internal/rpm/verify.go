package rpm

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"

	"github.com/sassoftware/go-rpmutils"

	"github.com/kmodtest/kmodtest/images/internal/fetch"
	"github.com/kmodtest/kmodtest/images/internal/keyring"
)

// Fetch fetches a package into dir and returns the path of the file. The repository's list has its sum, and one of the keys
// must have signed it.
func Fetch(ctx context.Context, p Package, keys keyring.Keys, dir string, progress func(percent float64)) (string, error) {
	name := fmt.Sprintf("%s-%s.rpm", p.Name, p.EVR())
	if name != path.Base(name) { // the list is not signed
		return "", fmt.Errorf("fetch package %q: the repository's list names a file in another directory", name)
	}
	file := path.Join(dir, name)
	if p.Size > mostPackage {
		return "", fmt.Errorf("fetch package %s: it is said to have %d bytes", p.Name, p.Size)
	}
	err := fetch.File{URL: p.URL, SHA256: p.SHA256, Most: mostPackage}.To(ctx, file, progress)
	if err != nil {
		return "", fmt.Errorf("fetch package %s: %w", p.Name, err)
	}
	if err := verify(keys, p, file); err != nil {
		return "", errors.Join(fmt.Errorf("verify package %s: %w", p.Name, err), os.Remove(file))
	}
	return file, nil
}

// verify checks the signature of a package, and that it is the package that the list names: the list itself is not signed.
func verify(keys keyring.Keys, p Package, file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	header, signatures, err := rpmutils.Verify(f, keys.List)
	var unknown rpmutils.KeyNotFoundError
	if errors.As(err, &unknown) {
		return keys.UnknownKey(err)
	}
	if err != nil {
		return err
	}
	covered := false
	for _, s := range signatures {
		// A signature of the header covers the files if the header has their sum, which Verify has compared.
		covered = covered || s.Signer != nil && (!s.HeaderOnly || header.HasTag(rpmutils.PAYLOADDIGEST))
	}
	if !covered {
		return errors.New("it is not signed")
	}
	name, err := header.GetNEVRA()
	if err != nil {
		return err
	}
	if name.Name != p.Name || name.Version != p.Version || name.Release != p.Release {
		return fmt.Errorf("the repository's list names %s-%s, but the file is %s-%s-%s", p.Name, p.EVR(), name.Name, name.Version, name.Release)
	}
	return nil
}
