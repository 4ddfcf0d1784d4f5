package kbuild

import (
	"debug/elf"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// parts holds a module of two objects, one of which has a header, at the root of a
// repository with other files.
func parts() files {
	return files{
		"Kbuild":                     "obj-m := parts.o\nparts-y := main.o other.o $(shell cat $(src)/list)\nccflags-y := -I$(src)/first -I$(src)/second\n",
		"list":                       "",
		"main.c":                     plain("int other(void);\n"),
		"other.c":                    "#include \"other.h\"\n#include <deep.h>\nint other(void);\nint other(void) { return OTHER + DEEP; }\n",
		"second/deep.h":              "#define DEEP 1\n",
		"other.h":                    "#define OTHER 1\n",
		"README":                     "about it",
		"go.sum":                     "sums",
		"kmodtest-report/index.html": "report",
		"vmtest/testdata/fuzz/FuzzX": "corpus",
		"vmtest/data.bin":            "data",
	}
}

// symbolTable returns the names of the symbols of a result's only module, in one text.
func symbolTable(t *testing.T, r *Result) string {
	t.Helper()
	f, err := elf.Open(r.Modules[0].Path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	symbols, err := f.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, s := range symbols {
		all = append(all, s.Name)
	}
	return strings.Join(all, " ")
}

// objects returns the objects in the workplace's trees, by their names.
func (w *workplace) objects(t *testing.T) map[string]os.FileInfo {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(w.cache, "trees", "*", copyName, "*.o"))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]os.FileInfo{}
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		found[filepath.Base(path)] = info
	}
	return found
}

// assertCompiled fails the test unless the build since before compiled exactly these of
// the objects that there were before.
func (w *workplace) assertCompiled(t *testing.T, before map[string]os.FileInfo, want ...string) {
	t.Helper()
	after := w.objects(t)
	for _, name := range []string{"main.o", "other.o"} {
		changed := before[name] == nil || !after[name].ModTime().Equal(before[name].ModTime())
		if expected := strings.Contains(strings.Join(want, " "), name); changed != expected {
			t.Errorf("%s: compiled again: %t, want %t", name, changed, expected)
		}
	}
}

func TestBuildGoesOnWhereTheLastOneEnded(t *testing.T) {
	t.Parallel()
	w := newWorkplace(t, "6.1", parts())
	first := w.must(t, Source{})

	t.Log("files that the build does not read")
	for _, name := range []string{"README", "go.sum", "kmodtest-report/index.html", "vmtest/testdata/fuzz/FuzzX", "vmtest/data.bin", "vmtest/testdata/new", "vmtest/x_test.go", "kernels.toml"} {
		w.edit(t, name, "something else")
	}
	if r := w.must(t, Source{}); r.Built || r.Key != first.Key {
		t.Errorf("a change of files that it does not read: built %t, key %s, want %s", r.Built, r.Key, first.Key)
	}

	t.Log("a new file that a makefile could pick up")
	objects := w.objects(t)
	w.edit(t, "vmtest/spare.c", "no C\n")
	if r := w.must(t, Source{}); !r.Built || r.Key != first.Key {
		t.Errorf("a new source: built %t, key %s; want a build, and %s", r.Built, r.Key, first.Key)
	}
	w.assertCompiled(t, objects)

	t.Log("an edit that does not compile, then one that does")
	w.edit(t, "other.h", "#error broken\n")
	var broken *CompileError
	if _, err := w.build(t, Source{}); !errors.As(err, &broken) || !strings.Contains(broken.Output, w.root+"/other.h:1:2: error: #error broken") {
		t.Errorf("a broken header: got %v", err)
	}
	w.edit(t, "other.h", "#define OTHER 2\n")
	second := w.must(t, Source{})
	if !second.Built || second.Key == first.Key {
		t.Errorf("an edit: built %t, key %s, which was that of before: %t", second.Built, second.Key, second.Key == first.Key)
	}
	w.assertCompiled(t, objects, "other.o")

	t.Log("the edit taken back")
	w.edit(t, "other.h", "#define OTHER 1\n")
	if r := w.must(t, Source{}); r.Built || r.Key != first.Key {
		t.Errorf("back to the first version: built %t, key %s, want %s", r.Built, r.Key, first.Key)
	}

	t.Log("a new header that comes before the one that was included")
	w.edit(t, "first/deep.h", "#define DEEP 5\n")
	if r := w.must(t, Source{}); !r.Built || r.Key == first.Key {
		t.Errorf("a header that hides another: built %t, key changed %t", r.Built, r.Key != first.Key)
	}

	t.Log("a file that only the makefile reads, and a source that is gone")
	w.edit(t, "list", "third.o\n")
	w.edit(t, "third.c", "int third(void);\nint third(void) { return 3; }\n")
	if r := w.must(t, Source{}); !r.Built || !strings.Contains(symbolTable(t, r), "third") {
		t.Errorf("another object: built %t", r.Built)
	}
	if err := os.Remove(filepath.Join(w.root, "other.c")); err != nil {
		t.Fatal(err)
	}
	if _, err := w.build(t, Source{}); !errors.As(err, &broken) || !strings.Contains(broken.Output, "other.o") {
		t.Errorf("without other.c: got %v, want an error about other.o", err)
	}
}

// Root, too, cannot read the file without its capabilities.
func TestBuildDoesNotUseObjectOfUnreadableSource(t *testing.T) {
	if os.Getuid() == 0 && os.Getenv("WITHOUT_CAPABILITIES") == "" {
		cmd := exec.CommandContext(t.Context(), "setpriv", "--bounding-set=-dac_override,-dac_read_search", os.Args[0], "-test.run=^"+t.Name()+"$")
		cmd.Env = append(os.Environ(), "WITHOUT_CAPABILITIES=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	w := newWorkplace(t, "6.1", files{"Kbuild": "obj-m := m.o\n", "m.c": plain("")})
	w.must(t, Source{})
	w.edit(t, "m.c", "no C\n")
	if err := os.Chmod(filepath.Join(w.root, "m.c"), 0); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		var broken *CompileError
		if _, err := w.build(t, Source{}); !errors.As(err, &broken) {
			t.Errorf("got %v, want a *CompileError", err)
		}
	}
}

func TestBuildAfterKilledBuildStartsClean(t *testing.T) {
	t.Parallel()
	w := newWorkplace(t, "6.1", parts())
	first := w.must(t, Source{})
	trees, err := filepath.Glob(filepath.Join(w.cache, "trees", "*", copyName))
	if err != nil || len(trees) != 1 {
		t.Fatalf("trees are %q, %v", trees, err)
	}
	// An object that a killed compiler left is newer than its source.
	if err := os.WriteFile(filepath.Join(trees[0], "other.o"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(filepath.Dir(trees[0]), busyName), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	w.edit(t, "Kbuild", parts()["Kbuild"]+"# edited\n")
	if r := w.must(t, Source{}); r.Key != first.Key {
		t.Errorf("key %s, want %s", r.Key, first.Key)
	}
}
