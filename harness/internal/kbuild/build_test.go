package kbuild

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kmodtest/kmodtest/images"
)

// kernels are those that every way to join is tried with.
var kernels = []string{"5.10", "6.1", "6.12"}

// plain is the text of a module that includes head.
func plain(head string) string {
	return head + `
#include <linux/module.h>
static int __init plain_init(void) { return 0; }
static void __exit plain_exit(void) { }
module_init(plain_init);
module_exit(plain_exit);
MODULE_LICENSE("GPL");
`
}

// files are the contents of files, by their paths. A content that begins with "-> " is
// the text of a link, and one that begins with "#!" is executable.
type files map[string]string

// write writes the files below dir.
func (f files) write(t *testing.T, dir string) {
	t.Helper()
	for name, content := range f {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if text, link := strings.CutPrefix(content, "-> "); link {
			err = os.Symlink(text, path)
		} else {
			mode := os.FileMode(0o644)
			if strings.HasPrefix(content, "#!") {
				mode = 0o755
			}
			err = os.WriteFile(path, []byte(content), mode)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// resolve returns a kernel of the user's cache.
func resolve(t *testing.T, name string) *images.Kernel {
	t.Helper()
	kernel, err := images.Resolve(t.Context(), name, images.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return kernel
}

// workplace is a cache, and a directory of modules that are built with it.
type workplace struct {
	kernel *images.Kernel
	cache  string
	root   string
}

func newWorkplace(t *testing.T, kernel string, sources files) *workplace {
	t.Helper()
	w := &workplace{kernel: resolve(t, kernel), cache: t.TempDir(), root: filepath.Join(t.TempDir(), "the module's söurces")}
	sources.write(t, w.root)
	return w
}

// build builds src, whose Root may be empty.
func (w *workplace) build(t *testing.T, src Source, others ...*Result) (*Result, error) {
	t.Helper()
	if src.Root == "" {
		src.Root = w.root
	}
	return Build(t.Context(), w.cache, w.kernel, src, others)
}

// must is build for a build that must pass.
func (w *workplace) must(t *testing.T, src Source, others ...*Result) *Result {
	t.Helper()
	r, err := w.build(t, src, others...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// names returns the names of the modules in loading order.
func names(r *Result) []string { return strings.Split(nameList(r.Modules), ", ") }

func assertNames(t *testing.T, r *Result, want ...string) {
	t.Helper()
	if got := names(r); !slices.Equal(got, want) {
		t.Errorf("modules are %q, want %q", got, want)
	}
}

// needy holds modules that need something of almost everything that Source offers.
func needy() files {
	return files{
		"common/shared.h":        "#define SHARED 1\n",
		"configure":              "#!/bin/sh\ntest -d \"$KDIR\" && echo \"#define MADE_FOR \\\"$KERNELRELEASE\\\"\" >\"$1\"/made.h\n",
		"one/Makefile":           "CC += -DPROOF\nccflags-y := -I$(src)/../common\nobj-$(CONFIG_FIRST) += first-module.o\n",
		"one/first-module.c":     plain("#include \"shared.h\"\n#include \"made.h\"\n#include <generated/utsrelease.h>\n#ifndef PROOF\n#error\n#endif\nstatic int eq[__builtin_strcmp(MADE_FOR, UTS_RELEASE) ? -1 : 1] __attribute__((unused));\nint first(void);\n") + "int first(void) { return SHARED; }\nEXPORT_SYMBOL_GPL(first);\n",
		"two/Kbuild":             "obj-m := a/\n",
		"two/a/Kbuild":           "obj-m := b/\n",
		"two/a/b/Kbuild":         "ccflags-y := -I$(src)/../../../common\nobj-m := second.o\n",
		"two/a/b/second.c":       strings.Replace(plain("#include \"shared.h\"\nint first(void);\n"), "return 0", "return first() - SHARED", 1),
		"one/nowhere":            "-> /no/such/file.c",
		"one/circle":             "-> circle",
		"two/all":                "-> ..",
		"two/a/b/unused.md":      "text",
		"one/.hidden/Kbuild":     "$(error a hidden directory)\n",
		"vmtest/testdata/fuzz/x": "corpus",
	}
}

func TestModulesThatNeedMoreThanADirectory(t *testing.T) {
	t.Parallel()
	for _, kernel := range kernels {
		t.Run(kernel, func(t *testing.T) {
			t.Parallel()
			w := newWorkplace(t, kernel, needy())
			r := w.must(t, Source{Dirs: []string{"one", "two"}, Make: []string{"CONFIG_FIRST=m"}, Prepare: "./configure one"})
			assertNames(t, r, "first_module", "second")
			if !slices.Equal(r.Modules[1].Depends, []string{"first_module"}) {
				t.Errorf("second depends on %q", r.Modules[1].Depends)
			}
			if len(r.Outside) > 0 {
				t.Errorf("the build read %q outside of its directory", r.Outside)
			}
		})
	}
}

// edit replaces the content of a file by another and makes sure that it differs.
func (w *workplace) edit(t *testing.T, name, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(filepath.Join(w.root, name)), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(w.root, name), []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}
