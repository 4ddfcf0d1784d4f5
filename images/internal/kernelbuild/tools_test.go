package kernelbuild

import (
	"errors"
	"slices"
	"testing"

	"github.com/kmodtest/kmodtest/images/arch"
)

func TestMissingCompilersNameTheirPackages(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	for _, target := range arch.All() {
		err := CheckTools(t.Context(), target, nil)
		var missing *MissingToolsError
		if !errors.As(err, &missing) || !slices.Contains(missing.Names, target.Prefix()+"gcc") || !slices.Contains(missing.Packages, target.CompilerPackage()) {
			t.Errorf("%s: got %v, want that %s is missing", target.Name, err, target.CompilerPackage())
		}
		if missing != nil && !slices.Contains(missing.Packages, "gcc") {
			t.Errorf("%s: the host's own compiler is not missing: %v", target.Name, err)
		}
	}
}
