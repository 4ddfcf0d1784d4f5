package rpm

import (
	"strings"
	"testing"

	"github.com/kmodtest/kmodtest/images/internal/keyring"
)

// The list of a repository is not signed, and must not choose where a file is written.
func TestPackageIsFetchedIntoItsDirectory(t *testing.T) {
	for _, p := range []Package{
		{Name: "../kernel", Version: "6.1", Release: "1"}, {Name: "/tmp/kernel", Version: "6.1", Release: "1"}, {Name: "kernel", Version: "../6.1", Release: "1"},
	} {
		_, err := Fetch(t.Context(), p, keyring.Keys{}, t.TempDir(), func(float64) {})
		if err == nil || !strings.Contains(err.Error(), "names a file in another directory") {
			t.Errorf("%s-%s: %v", p.Name, p.EVR(), err)
		}
	}
}
