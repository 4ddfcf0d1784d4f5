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

func TestClangIsRequiredIfMakeIsTold(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	for _, c := range []struct {
		variables       []string
		names, packages []string
	}{
		{nil, nil, nil},
		{[]string{"W=1"}, nil, nil},
		{[]string{"LLVM=1"}, []string{"clang", "ld.lld", "llvm-nm"}, []string{"clang", "lld", "llvm"}},
		{[]string{"LLVM=1", "LLVM=-19"}, []string{"clang-19", "ld.lld-19", "llvm-nm-19"}, []string{"clang-19", "lld-19", "llvm-19"}},
		{[]string{"LLVM=/opt/bin/"}, []string{"/opt/bin/clang", "/opt/bin/ld.lld", "/opt/bin/llvm-nm"}, []string{"clang", "lld", "llvm"}},
	} {
		without, with := missingTools(t, nil), missingTools(t, LLVM(c.variables))
		if names := with.Names[len(without.Names):]; !slices.Equal(names, c.names) {
			t.Errorf("%q: %q are missing, want %q", c.variables, names, c.names)
		}
		if packages := with.Packages[len(without.Packages):]; !slices.Equal(packages, c.packages) {
			t.Errorf("%q: the packages are %q, want %q", c.variables, packages, c.packages)
		}
		if _, err := (&Tree{Arch: arch.Host(), Variables: c.variables}).Compiler(t.Context()); err == nil {
			t.Errorf("%q: there is a compiler", c.variables)
		}
	}
}

// missingTools returns what is missing where nothing, or not much, is installed.
func missingTools(t *testing.T, more []Tool) *MissingToolsError {
	t.Helper()
	err := CheckTools(t.Context(), arch.Host(), more)
	var missing *MissingToolsError
	if !errors.As(err, &missing) {
		t.Fatalf("got %v, want that tools are missing", err)
	}
	return missing
}
