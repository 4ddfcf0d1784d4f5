// Package keyring reads the keys that may sign packages.
package keyring

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/ProtonMail/go-crypto/openpgp"
	pgperrors "github.com/ProtonMail/go-crypto/openpgp/errors"
)

// Keys are the keys that may sign packages.
type Keys struct {
	List openpgp.EntityList
	From string // path of the file that has them
}

// Read reads a file with public keys, armored as distributions publish them, or binary.
func Read(file string) (Keys, error) {
	for _, read := range []func(io.Reader) (openpgp.EntityList, error){openpgp.ReadArmoredKeyRing, openpgp.ReadKeyRing} {
		f, err := os.Open(file)
		if err != nil {
			return Keys{}, fmt.Errorf("read the keys for packages: %w", err)
		}
		list, err := read(f)
		f.Close()
		if err == nil && len(list) > 0 {
			return Keys{list, file}, nil
		}
	}
	return Keys{}, fmt.Errorf("read the keys for packages: %s has no OpenPGP key", file)
}

// UnknownKey describes a signature by a key that is not in the file.
func (k Keys) UnknownKey(err error) error {
	return fmt.Errorf("%w in %s: it is signed by a key that the row does not name", err, k.From)
}

// VerifyDetached checks that a file with a signature, which is not armored, signs another file.
func (k Keys) VerifyDetached(file, signature string) error {
	content, err := os.Open(file)
	if err != nil {
		return err
	}
	defer content.Close()
	sign, err := os.ReadFile(signature)
	if err != nil {
		return err
	}
	if len(sign) == 0 {
		return errors.New("its signature is empty")
	}
	_, err = openpgp.CheckDetachedSignature(k.List, content, bytes.NewReader(sign), nil)
	if errors.Is(err, pgperrors.ErrUnknownIssuer) {
		return k.UnknownKey(err)
	}
	return err
}
