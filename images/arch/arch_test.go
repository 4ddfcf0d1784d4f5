package arch

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
)

func TestHostRunsThisProgram(t *testing.T) {
	h := Host()
	if h.Name != runtime.GOARCH && h.Narrow != runtime.GOARCH {
		t.Errorf("the host is %s, and this program is for %s", h.Name, runtime.GOARCH)
	}
	if !h.IsHost() || h.Prefix() != "" || h.CompilerPackage() != "gcc" {
		t.Errorf("the host's own compiler is %sgcc of %s", h.Prefix(), h.CompilerPackage())
	}
}

func TestNarrowProgramsRunOnTheWideKernel(t *testing.T) {
	for goarch, want := range map[string]string{"386": "amd64", "amd64": "amd64", "arm": "arm64", "s390x": "s390x"} {
		if got, err := Of(goarch); got.Name != want || err != nil {
			t.Errorf("%s: got %s, %v", goarch, got.Name, err)
		}
	}
	for _, goarch := range []string{"", "mips"} {
		if got, err := Of(goarch); err == nil {
			t.Errorf("%q: got %s", goarch, got.Name)
		}
	}
}

func TestUnknownHostHasOnlyItsName(t *testing.T) {
	if got := host("loong64"); got != (Arch{Name: "loong64"}) {
		t.Errorf("got %+v", got)
	}
}

func TestOtherArchitecturesHaveCrossCompilers(t *testing.T) {
	other := "arm64"
	if runtime.GOARCH == other {
		other = "amd64"
	}
	want := map[string][]string{"arm64": {"aarch64-linux-gnu-", "gcc-aarch64-linux-gnu"}, "amd64": {"x86_64-linux-gnu-", "gcc-x86-64-linux-gnu"}}
	a, err := Find(other)
	if got := []string{a.Prefix(), a.CompilerPackage()}; err != nil || !slices.Equal(got, want[other]) {
		t.Errorf("got %q, %v, want %q", got, err, want[other])
	}
}

func TestNamesAreSortedAndFound(t *testing.T) {
	names := Names()
	if !slices.IsSorted(names) || len(names) < 4 {
		t.Errorf("got %q", names)
	}
	for _, name := range names {
		if a, err := Find(name); a.Name != name || err != nil {
			t.Errorf("%s: got %s, %v", name, a.Name, err)
		}
	}
}

func TestConfigurationShowsTheArchitecture(t *testing.T) {
	dir := t.TempDir()
	if got := OfBuild(dir); got != Host() {
		t.Errorf("without a configuration: got %s", got.Name)
	}
	if err := os.MkdirAll(filepath.Join(dir, "include/config"), 0o700); err != nil {
		t.Fatal(err)
	}
	for option, want := range map[string]string{"X86_64": "amd64", "ARM64": "arm64", "S390": "s390x", "RISCV": "riscv64", "X86_32": Host().Name} {
		text := "CONFIG_ARM64_VARIANT=y\nCONFIG_" + option + "=y\n"
		if err := os.WriteFile(filepath.Join(dir, "include/config/auto.conf"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := OfBuild(dir); got.Name != want {
			t.Errorf("%s: got %s, want %s", option, got.Name, want)
		}
	}
}
