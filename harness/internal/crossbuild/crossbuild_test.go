package crossbuild

import (
	"debug/elf"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/kmodtest/kmodtest/harness/internal/initramfs"
	"github.com/kmodtest/kmodtest/images/arch"
)

// write writes files to a new directory.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// far returns an architecture that is not the host's.
func far(t *testing.T) arch.Arch {
	t.Helper()
	name := "arm64"
	if arch.Host().Name == name {
		name = "amd64"
	}
	a, err := arch.Find(name)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// source is a package that has tests for some architectures, and a tag.
var source = map[string]string{
	"go.mod":            "module example.com/p\n\ngo 1.26\n",
	"p.go":              "package p\n\n// Text is set by the linker.\nvar Text string\n",
	"p_test.go":         "package p\n\nimport \"testing\"\n\nfunc TestEverywhere(*testing.T) { println(Text) }\n",
	"p_amd64_test.go":   "package p\n\nimport \"testing\"\n\nfunc TestHereOrThere(*testing.T) {}\n",
	"p_arm64_test.go":   "package p\n\nimport \"testing\"\n\nfunc TestHereOrThere(*testing.T) {}\n",
	"p_special_test.go": "//go:build special\n\npackage p\n\nimport \"testing\"\n\nfunc TestSpecial(*testing.T) {}\n",
}

func TestTestsAreBuiltAgainWithTheirFlags(t *testing.T) {
	dir, cache, kernel := write(t, source), t.TempDir(), far(t)
	binary := filepath.Join(t.TempDir(), "p.test")
	cmd := exec.CommandContext(t.Context(), "go", "test", "-c", "-tags=special", "-ldflags=-X example.com/p.Text=marked", "-o", binary, ".")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOFLAGS=", "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Setenv("GOFLAGS", "")
	t.Setenv("GOWORK", "off")
	if !Runs(arch.Host(), binary) || Runs(kernel, binary) {
		t.Errorf("the host's binary is for %s", ArchOf(binary))
	}
	builds := 0
	build := func() string {
		t.Helper()
		program, err := Tests(t.Context(), cache, Request{Binary: binary, Dir: dir, Kernel: kernel, Building: func() { builds++ }})
		if err != nil {
			t.Fatal(err)
		}
		return program.Path
	}
	path := build()
	if again := build(); again != path || builds != 1 {
		t.Errorf("%d builds, of %s and %s; want 1", builds, path, again)
	}
	if got := ArchOf(path); got != kernel.Name || !Runs(kernel, path) {
		t.Errorf("the program is for %s, want %s", got, kernel.Name)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"TestEverywhere", "TestHereOrThere", "TestSpecial", "marked"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the program lacks %s", want)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "p_test.go"), []byte("package p\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if changed := build(); changed == path || builds != 2 {
		t.Errorf("after a change: %d builds, %s; want 2, and another program", builds, changed)
	}
}

func TestProgramsThatAreNoTestsAreNotBuiltAgain(t *testing.T) {
	path, err := exec.LookPath("go")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Tests(t.Context(), t.TempDir(), Request{Binary: path, Kernel: far(t)}); err == nil || !strings.Contains(err.Error(), "is not a test binary") {
		t.Errorf("got %v", err)
	}
	if _, err := Tests(t.Context(), t.TempDir(), Request{Binary: "/dev/null", Kernel: far(t)}); err == nil {
		t.Error("an empty file is built again")
	}
}

// header writes the start of an ELF file.
func header(t *testing.T, machine elf.Machine, class elf.Class, order elf.Data) string {
	t.Helper()
	text := make([]byte, 64)
	copy(text, elf.ELFMAG)
	text[elf.EI_CLASS], text[elf.EI_DATA], text[elf.EI_VERSION] = byte(class), byte(order), byte(elf.EV_CURRENT)
	at, size := 18, 52
	if class == elf.ELFCLASS64 {
		size = 64
	}
	text[at+1-int(order%2)], text[20+3*int((order+1)%2)] = byte(machine), byte(elf.EV_CURRENT)
	path := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(path, text[:size], 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestArchitectureOfPrograms(t *testing.T) {
	for _, c := range []struct {
		machine elf.Machine
		class   elf.Class
		order   elf.Data
		want    string
	}{
		{elf.EM_X86_64, elf.ELFCLASS64, elf.ELFDATA2LSB, "amd64"},
		{elf.EM_386, elf.ELFCLASS32, elf.ELFDATA2LSB, "386"},
		{elf.EM_AARCH64, elf.ELFCLASS64, elf.ELFDATA2LSB, "arm64"},
		{elf.EM_ARM, elf.ELFCLASS32, elf.ELFDATA2LSB, "arm"},
		{elf.EM_S390, elf.ELFCLASS64, elf.ELFDATA2MSB, "s390x"},
		{elf.EM_RISCV, elf.ELFCLASS64, elf.ELFDATA2LSB, "riscv64"},
		{elf.EM_RISCV, elf.ELFCLASS32, elf.ELFDATA2LSB, "riscv"},
		{elf.EM_MIPS, elf.ELFCLASS32, elf.ELFDATA2MSB, "mips"},
	} {
		if got := ArchOf(header(t, c.machine, c.class, c.order)); got != c.want {
			t.Errorf("%v: got %q, want %q", c.machine, got, c.want)
		}
	}
	script := filepath.Join(write(t, map[string]string{"script": "#!/bin/sh\n"}), "script")
	if got := ArchOf(script); got != "" || !Runs(far(t), script) {
		t.Errorf("a script is for %q", got)
	}
}

func TestProgramsOfTheHostAreUseless(t *testing.T) {
	files, err := initramfs.FindFiles([]string{"go", filepath.Join(write(t, map[string]string{"data": "text"}), "data")})
	if err != nil {
		t.Fatal(err)
	}
	if got := Useless(far(t).Name, files); !slices.Equal(got, []string{"go"}) {
		t.Errorf("got %q, want go", got)
	}
	if got := Useless(arch.Host().Name, files); len(got) > 0 {
		t.Errorf("on the host: got %q", got)
	}
}

func TestProgramForAnotherArchitectureIsNamed(t *testing.T) {
	kernel, err := arch.Find("s390x")
	if err != nil {
		t.Fatal(err)
	}
	path := header(t, elf.EM_ARM, elf.ELFCLASS32, elf.ELFDATA2LSB)
	var mismatch error = &MismatchError{Path: path, Kernel: kernel}
	want := path + " is a program for arm, and the kernel is for s390x: build it with GOARCH=s390x, or choose a kernel for arm64"
	if !strings.HasPrefix(mismatch.Error(), want) || errors.Unwrap(mismatch) != nil {
		t.Errorf("got %v, want %s", mismatch, want)
	}
}

func TestFlagsComeFromBuildInformation(t *testing.T) {
	info := &debug.BuildInfo{Settings: []debug.BuildSetting{
		{Key: "-buildmode", Value: "exe"},
		{Key: "-gcflags", Value: "-N -l"},
		{Key: "-cover", Value: "true"},
		{Key: "-race", Value: "true"},
		{Key: "CGO_ENABLED", Value: "1"},
	}}
	flags, race := Request{CoverMode: "atomic"}.flags(info)
	if want := []string{"-gcflags=-N -l", "-cover", "-covermode=atomic"}; !slices.Equal(flags, want) || !race {
		t.Errorf("got %q, race %v; want %q and true", flags, race, want)
	}
}

func TestFlagsOfTheGoCommand(t *testing.T) {
	for _, words := range [][]string{{"go", "test", "-coverpkg", "a,b", "."}, {"/usr/bin/go", "test", "--coverpkg=a,b"}} {
		if got := flagIn(words, "coverpkg"); got != "a,b" {
			t.Errorf("%q: got %q", words, got)
		}
	}
	for _, words := range [][]string{{"go", "test"}, {"other", "-coverpkg=a"}, {"go", "test", "-coverpkg"}, {""}} {
		if got := flagIn(words, "coverpkg"); got != "" {
			t.Errorf("%q: got %q", words, got)
		}
	}
}

func TestPatternsStartWhereTheGoCommandDid(t *testing.T) {
	if got := absolutePatterns("./...,example.com/p,../q,.", "/dir/sub"); got != "/dir/sub/...,example.com/p,/dir/q,/dir/sub" {
		t.Errorf("got %q", got)
	}
}
