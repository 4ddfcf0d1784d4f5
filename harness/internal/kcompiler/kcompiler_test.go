package kcompiler

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// Some makefiles of Debian's packages name a compiler for another machine, also on
// the same architecture.
func TestCompilerHasTheNameInTheMakefile(t *testing.T) {
	const (
		versioned = "CC = $(if $(DEBIAN_KERNEL_USE_CCACHE),$(CCACHE)) $(CROSS_COMPILE)gcc-12\n"
		prefix    = "override CROSS_COMPILE = x86_64-linux-gnu-\n"
		ifCross   = "ifneq ($(A),$(B))\noverride CROSS_COMPILE = $(DEB_HOST_GNU_TYPE)-\nendif\n"
		cross     = "x86_64-linux-gnu-gcc-12"
	)
	for name, c := range map[string]struct {
		makefile    string
		cross       string
		programs    []string
		cc, missing string
	}{
		"nothing named":          {"obj-m := x.o\n", "", []string{"gcc"}, "gcc", ""},
		"version":                {versioned + ifCross, "", []string{"gcc", "gcc-12"}, "gcc-12", ""},
		"another version":        {versioned + ifCross, "", []string{"gcc"}, "gcc", "gcc-12"},
		"prefix":                 {versioned + prefix, "", []string{"gcc", "gcc-12", cross}, cross, ""},
		"prefix, no such name":   {versioned + prefix, "", []string{"gcc", "gcc-12"}, "gcc-12", cross},
		"prefix, other version":  {versioned + prefix, "", []string{"gcc"}, "gcc", cross},
		"cross":                  {versioned + ifCross, "s390x-linux-gnu-", []string{"gcc-12", "s390x-linux-gnu-gcc-12"}, "s390x-linux-gnu-gcc-12", ""},
		"cross, other version":   {versioned, "s390x-linux-gnu-", []string{"gcc-12", "s390x-linux-gnu-gcc"}, "s390x-linux-gnu-gcc", "s390x-linux-gnu-gcc-12"},
		"cross, nothing named":   {"obj-m := x.o\n", "s390x-linux-gnu-", []string{"gcc"}, "s390x-linux-gnu-gcc", "s390x-linux-gnu-gcc"},
		"prefix of other things": {"CC = gcc-12\n" + prefix, "", []string{"gcc"}, "gcc", "gcc-12"},
	} {
		t.Run(name, func(t *testing.T) {
			build := t.TempDir()
			if err := os.WriteFile(filepath.Join(build, ".kernelvariables"), []byte(c.makefile), 0o600); err != nil {
				t.Fatal(err)
			}
			cc, missing := Find(build, c.cross, func(name string) bool { return slices.Contains(c.programs, name) })
			if cc != c.cc || missing != c.missing {
				t.Errorf("got %q for %q, want %q for %q", cc, missing, c.cc, c.missing)
			}
		})
	}
}
