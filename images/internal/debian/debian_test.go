package debian

import (
	"slices"
	"testing"

	"github.com/kmodtest/kmodtest/images/arch"
	"github.com/kmodtest/kmodtest/images/internal/apt"
)

func TestNeedsOfOtherArchitecturesAreCrossCompilers(t *testing.T) {
	target, err := arch.Find("s390x")
	if err != nil || target.IsHost() {
		t.Fatalf("the test is for hosts other than %s: %v", target.Name, err)
	}
	packages := []apt.Package{
		{Name: "linux-image-6.1.0-50-s390x", Depends: "kmod, linux-base"},
		{Name: "linux-headers-6.1.0-50-s390x", Depends: "linux-headers-6.1.0-50-common (= 6.1.176-1), linux-kbuild-6.1, linux-compiler-gcc-12-s390"},
		{Name: "linux-kbuild-6.1", Depends: "libc6 (>= 2.34), libelf1, gcc-base-files"},
	}
	want := []string{"gcc-12-s390x-linux-gnu", "libc6", "libelf1", "gcc-base-files"}
	if got := Needs(packages, target); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	want[0] = "linux-compiler-gcc-12-s390"
	if got := Needs(packages, arch.Host()); !slices.Equal(got, want) {
		t.Errorf("on a host of that architecture: got %q, want %q", got, want)
	}
}

func TestCompilersOfAllVersionsAreReplaced(t *testing.T) {
	target, err := arch.Find("riscv64")
	if err != nil || target.IsHost() {
		t.Fatalf("the test is for hosts other than %s: %v", target.Name, err)
	}
	for name, want := range map[string]string{
		"gcc-14": "gcc-14-riscv64-linux-gnu", "gcc": "gcc-riscv64-linux-gnu", "linux-compiler-gcc-10-x86": "gcc-10-riscv64-linux-gnu",
		"gcc-14-base": "gcc-14-base", "libgcc-s1": "libgcc-s1", "pahole": "pahole",
	} {
		if got := crossCompiler(name, target); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
}
