package kcompiler

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kmodtest/kmodtest/images"
	"github.com/kmodtest/kmodtest/images/arch"
)

// foreign are the architectures that are not the host's, with the package that has their compiler.
func foreign() map[string]string {
	packages := map[string]string{
		"amd64": "gcc-x86-64-linux-gnu", "arm64": "gcc-aarch64-linux-gnu", "riscv64": "gcc-riscv64-linux-gnu", "s390x": "gcc-s390x-linux-gnu",
	}
	delete(packages, arch.Host().Name)
	return packages
}

func TestMissingCrossCompilerNamesItsPackage(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	for name, pkg := range foreign() {
		_, err := For(&images.Kernel{Arch: name, Build: t.TempDir()})
		if err == nil || !strings.Contains(err.Error(), "apt-get install "+pkg+")") || !strings.Contains(err.Error(), "gcc is not in PATH") {
			t.Errorf("%s: got %v, want the package %s", name, err, pkg)
		}
	}
	if _, err := For(&images.Kernel{Arch: arch.Host().Name, Build: t.TempDir()}); err == nil || !strings.Contains(err.Error(), "apt-get install build-essential") {
		t.Errorf("for this host: got %v", err)
	}
}

func TestToolsOfOtherArchitecturesHaveTheirPrefix(t *testing.T) {
	bin := t.TempDir()
	t.Setenv("PATH", bin)
	for _, name := range []string{"CC", "LLVM", "W"} {
		t.Setenv(name, "")
	}
	for name := range foreign() {
		target, err := arch.Find(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(bin, target.Prefix()+"gcc"), nil, 0o755); err != nil {
			t.Fatal(err)
		}
		got, err := For(&images.Kernel{Arch: name, Build: t.TempDir()})
		if err != nil {
			t.Fatal(err)
		}
		for _, program := range []string{got.Compiler, got.Strip, got.Linking.Compiler, got.Linking.Objcopy, got.Linking.Linker} {
			if !strings.HasPrefix(program, target.Triplet+"-") {
				t.Errorf("%s: the program is %s", name, program)
			}
		}
		for _, variable := range []string{"ARCH=" + target.Make, "CROSS_COMPILE=" + target.Triplet + "-"} {
			if !slices.Contains(got.Variables, variable) {
				t.Errorf("%s: variables are %q, without %s", name, got.Variables, variable)
			}
		}
	}
}
