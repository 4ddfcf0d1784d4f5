package hosttools

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kmodtest/kmodtest/images/arch"
)

// put writes a program of a build directory.
func put(t *testing.T, build, name, script string) {
	t.Helper()
	path := filepath.Join(build, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
}

func TestToolsWithoutTheirLibrariesAreNamed(t *testing.T) {
	build := t.TempDir()
	put(t, build, "scripts/basic/fixdep", "echo usage >&2; exit 1")
	put(t, build, "scripts/mod/modpost", "exit 0")
	if why, err := toolsProblem(t.Context(), build); why != "" || err != nil {
		t.Fatalf("tools that only lack arguments: %q, %v", why, err)
	}
	for _, says := range []string{
		"$0: error while loading shared libraries: libelf.so.1: cannot open shared object file: No such file or directory",
		"$0: /lib/libc.so.6: version \\`GLIBC_2.38' not found (required by $0)",
	} {
		put(t, build, "tools/objtool/objtool", "echo \""+says+"\" >&2; exit 127")
		if why, err := toolsProblem(t.Context(), build); !strings.HasPrefix(why, "the kernel's objtool: ") || err != nil {
			t.Errorf("%s: got %q, %v", says, why, err)
		}
	}
	put(t, build, "tools/objtool/objtool", "")
	if err := os.WriteFile(filepath.Join(build, "tools/objtool/objtool"), []byte("#!/lib/ld-of-another-system\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if why, err := toolsProblem(t.Context(), build); why != "objtool does not run on this system" || err != nil {
		t.Errorf("a missing interpreter: got %q, %v", why, err)
	}
}

func TestToolsOfAnotherMachineAreRefused(t *testing.T) {
	build := t.TempDir()
	put(t, build, "scripts/basic/fixdep", "")
	path := filepath.Join(build, "scripts/basic/fixdep")
	if err := os.WriteFile(path, []byte("\x7fELF of no machine"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := toolsProblem(t.Context(), build); err == nil || !strings.Contains(err.Error(), path+" is a program for another architecture") {
		t.Errorf("got %v", err)
	}
}

// other returns an architecture that is not the host's, and a kernel's build directory for it.
func other(t *testing.T) (arch.Arch, string) {
	t.Helper()
	build := t.TempDir()
	for _, name := range arch.Names() {
		target, err := arch.Find(name)
		if err != nil {
			t.Fatal(err)
		}
		if !target.IsHost() {
			text := `CONFIG_CC_VERSION_TEXT="` + target.Triplet + `-gcc-14 (Debian 14.2.0-19) 14.2.0"` + "\n"
			if err := os.WriteFile(filepath.Join(build, ".config"), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			return target, build
		}
	}
	t.Fatal("there is no other architecture")
	return arch.Arch{}, ""
}

func TestOldCrossCompilerIsUnfitAndMissingOneIsNot(t *testing.T) {
	target, build := other(t)
	want := compilerOf(build, target)
	if want != (compiler{target.Prefix() + "gcc-14", 14, target.Prefix()}) {
		t.Errorf("the compiler is %+v", want)
	}
	bin := t.TempDir()
	t.Setenv("PATH", bin)
	if why, err := examine(t.Context(), build, want); why != "" || err != nil {
		t.Errorf("without a compiler: got %q, %v", why, err)
	}
	put(t, bin, target.Prefix()+"gcc", "echo 12")
	if why, err := examine(t.Context(), build, want); why != "the kernel was built by gcc 14, and this system has "+target.Prefix()+"gcc 12" || err != nil {
		t.Errorf("with an old one: got %q, %v", why, err)
	}
	put(t, bin, want.program, "")
	if why, err := examine(t.Context(), build, want); why != "" || err != nil {
		t.Errorf("with the kernel's: got %q, %v", why, err)
	}
}

func TestCompilerOfKernel(t *testing.T) {
	for config, want := range map[string]compiler{
		`CONFIG_CC_VERSION_TEXT="x86_64-linux-gnu-gcc-14 (Debian 14.2.0-19) 14.2.0"`: {"gcc-14", 14, ""},
		`CONFIG_CC_VERSION_TEXT="gcc-12 (Debian 12.2.0-14+deb12u1) 12.2.0"`:          {"gcc-12", 12, ""},
		`CONFIG_CC_VERSION_TEXT="gcc (GCC) 11.5.0 20240719 (Red Hat 11.5.0-5)"`:      {"gcc-11", 11, ""},
		`CONFIG_CC_VERSION_TEXT="clang version 19.1.7"`:                              {"gcc", 0, ""},
		"": {"gcc", 0, ""},
	} {
		build := t.TempDir()
		if err := os.WriteFile(filepath.Join(build, ".config"), []byte("# first\n"+config+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		if got := compilerOf(build, arch.Host()); got != want {
			t.Errorf("%s: got %+v, want %+v", config, got, want)
		}
	}
}

func TestOlderCompilerIsUnfit(t *testing.T) {
	built := compiler{"gcc-14", 14, ""}
	for have, want := range map[int]string{
		0: "this system has no gcc", 12: "the kernel was built by gcc 14, and this system has gcc 12", 14: "", 16: "",
	} {
		if got := compilerProblem(built, have); got != want {
			t.Errorf("gcc %d: got %q, want %q", have, got, want)
		}
	}
}

func TestAnswerIsKept(t *testing.T) {
	build, dir := t.TempDir(), t.TempDir()
	put(t, build, "tools/objtool/objtool", "echo \"$0: libelf.so.1\" >&2; echo >> $(dirname $0)/count; exit 127")
	for range 2 {
		why, err := Unfit(t.Context(), dir, "key", build, arch.Host())
		if why != "the kernel's objtool: libelf.so.1" || err != nil {
			t.Fatalf("got %q, %v", why, err)
		}
	}
	if count, err := os.ReadFile(filepath.Join(build, "tools/objtool/count")); string(count) != "\n" || err != nil {
		t.Errorf("the tool ran %d times, want once", len(count))
	}
}
