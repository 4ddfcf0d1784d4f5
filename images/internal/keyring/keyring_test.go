package keyring

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp"
)

func newKey(t *testing.T) *openpgp.Entity {
	t.Helper()
	key, err := openpgp.NewEntity("archive", "", "archive@example.com", nil)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// write writes a file and returns its path.
func write(t *testing.T, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, content, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestOnlySignaturesOfTheKeysAreValid(t *testing.T) {
	key, other := newKey(t), newKey(t)
	var public bytes.Buffer
	if err := key.Serialize(&public); err != nil {
		t.Fatal(err)
	}
	keys, err := Read(write(t, public.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	const content = "a package"
	sign := func(key *openpgp.Entity) []byte {
		var signature bytes.Buffer
		if err := openpgp.DetachSign(&signature, key, strings.NewReader(content), nil); err != nil {
			t.Fatal(err)
		}
		return signature.Bytes()
	}
	if err := keys.VerifyDetached(write(t, []byte(content)), write(t, sign(key))); err != nil {
		t.Error(err)
	}
	for _, c := range []struct {
		content   string
		signature []byte
		want      string
	}{
		{content, sign(other), "it is signed by a key that the row does not name"},
		{content, nil, "its signature is empty"},
		{"another package", sign(key), "signature"},
		{content, []byte("no signature"), ""},
	} {
		err := keys.VerifyDetached(write(t, []byte(c.content)), write(t, c.signature))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s, %q: got %v, want an error that contains %q", c.content, c.signature, err, c.want)
		}
	}
}
