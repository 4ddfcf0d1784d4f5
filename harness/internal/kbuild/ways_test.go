package kbuild

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kmodtest/kmodtest/images/arch"
	"github.com/kmodtest/kmodtest/images/plainpath"
)

// assertBroken fails the test unless err is a CompileError whose output or advice has all
// the texts.
func assertBroken(t *testing.T, err error, texts ...string) {
	t.Helper()
	var broken *CompileError
	if !errors.As(err, &broken) {
		t.Fatalf("got %v, want a CompileError", err)
	}
	said := broken.Output + strings.Join(broken.Advice, "\n")
	for _, text := range texts {
		if !strings.Contains(said, text) {
			t.Errorf("%q is missing in:\n%s", text, said)
		}
	}
}

func TestBuildThatMakesNoModuleSaysWhatItFound(t *testing.T) {
	t.Parallel()
	w := newWorkplace(t, "6.1", files{
		"empty/Kbuild":    "obj-m :=\n",
		"variable/Kbuild": "obj-$(CONFIG_OURS) := plain.o\n",
		"builtin/Kbuild":  "obj-y := some.o\n",
		"builtin/some.c":  "int some(void);\nint some(void) { return 0; }\n",
	})
	_, err := w.build(t, Source{Dirs: []string{"empty"}})
	assertBroken(t, err, "the build made no .ko file: obj-m is empty")
	_, err = w.build(t, Source{Root: filepath.Join(w.root, "variable")})
	assertBroken(t, err, `does not set CONFIG_OURS: give make the variable in Config.Builds, Make: []string{"CONFIG_OURS=m"}`)
	_, err = w.build(t, Source{Root: filepath.Join(w.root, "builtin")})
	assertBroken(t, err, "obj-y is not built outside of the kernel's tree: name the module in obj-m")
}

func TestMissingHeaderAboveTheDirectoryIsNamed(t *testing.T) {
	t.Parallel()
	w := newWorkplace(t, "6.1", files{
		"common/shared.h": "#define SHARED 1\n",
		"mod/one/Kbuild":  "ccflags-y := -I$(src)/../../common\nobj-m := one.o\n",
		"mod/one/one.c":   plain("#include \"shared.h\"\n"),
	})
	_, err := w.build(t, Source{Root: filepath.Join(w.root, "mod/one")})
	assertBroken(t, err, "shared.h is at "+w.root+"/common/shared.h: use Config.Builds with {Root: \""+w.root+`", Dirs: []string{"mod/one"}}`)
}

func TestMissingMakefileAboveTheDirectoryIsNamed(t *testing.T) {
	t.Parallel()
	w := newWorkplace(t, "6.1", files{"rules.mk": "obj-m := one.o\n", "mod/Kbuild": "include $(src)/../rules.mk\n", "mod/one.c": plain("")})
	_, err := w.build(t, Source{Root: filepath.Join(w.root, "mod")})
	assertBroken(t, err, "rules.mk is at "+w.root+"/rules.mk: use Config.Builds with {Root: \""+w.root+`", Dirs: []string{"mod"}}`)
}

// A repository's top directory often has no makefile of a module, or one that only calls
// those of others.
func TestDirectoriesBelowThatHaveTheModulesAreNamed(t *testing.T) {
	t.Parallel()
	w := newWorkplace(t, "6.1", files{
		"none/src/Kbuild": "obj-m := one.o\n", "calls/Makefile": "all:\n\t$(MAKE) -C driver\n", "calls/driver/Makefile": "obj-m += two.o\n",
	})
	want := "name one of them as the module's directory: " + w.root
	if _, err := w.build(t, Source{Root: filepath.Join(w.root, "none")}); err == nil || !strings.Contains(err.Error(), want+"/none/src") {
		t.Errorf("without a makefile: got %v", err)
	}
	_, err := w.build(t, Source{Root: filepath.Join(w.root, "calls")})
	assertBroken(t, err, want+"/calls/driver")
}

// Advice names a cause only if the output shows it.
func TestAdviceIsAboutTheOutput(t *testing.T) {
	t.Parallel()
	w := newWorkplace(t, "6.1", files{
		"variable/Kbuild": "obj-m += $(GADGETS)\n", "variable/one.c": plain(""),
		"makes/Kbuild": "obj-m := one.o\none-y := main.o made.o\n", "makes/main.c": plain(""),
		"wrong/Kbuild": "obj-m := one.o\n", "wrong/one.c": plain("int x = struct;\n"),
		"rule/Makefile": "obj-m := one.o\nall: made.h\n\t$(MAKE) -C $(KDIR) M=$(CURDIR) modules\nmade.h:\n\techo > $@\n", "rule/one.c": plain("#include \"made.h\"\n"),
		"below/Makefile": "obj-m := one.o\n", "below/one.c": plain("#include \"api.h\"\n"), "below/include/api.h": "\n",
		"old/Kbuild": "obj-m := one.o\n", "old/one.c": plain("#include <linux/no-such-header.h>\n"),
		"git/Kbuild": "obj-m := one.o\nccflags-y := -DVERSION=$(shell git -C $(src) describe)\n", "git/one.c": plain("int x = VERSION;\n"),
		"root/Makefile": "all:\n\tmake -C somewhere\n$(error no kernel)\n", "root/src/Kbuild": "obj-m := one.o\n", "root/src/one.c": plain(""),
		"driver/Kbuild": "obj-m := one.o\n", "driver/one.c": plain("#include <linux/netdevice.h>\nvoid *f(struct net_device *d);\nvoid *f(struct net_device *d) { return d->no_such_gadget; }\n"),
	})
	for dir, want := range map[string]string{
		"variable": `give make the variable in Config.Builds, Make: []string{"GADGETS=..."}`,
		"makes":    "name a command that makes them in Prepare of Config.Builds",
		"wrong":    "",
		"rule":     "Makefile makes made.h: name it in Prepare of Config.Builds, as \"make made.h\"\nthe kernel's build system runs, without the variables that",
		"below":    `api.h is at ` + filepath.Join(w.root, "below/include/api.h") + `, where the compiler does not look: give it the directory in Make of Config.Builds, such as "ccflags-y=-I$(M)/include"`,
		"old":      "has no linux/no-such-header.h: the module is for other versions of the kernel",
		"git":      "has no .git: give the version that the build asks git for in Make or Prepare",
		"root":     "makefiles in other directories set obj-m: name one of them as the module's directory: " + filepath.Join(w.root, "root/src"),
		"driver":   "the kernel's headers may declare more with other options: the cloud flavour lacks most drivers; kernel 6.1-full has them: KMODTEST_KERNEL=6.1-full or harness.Config.Kernel chooses it",
	} {
		_, err := w.build(t, Source{Root: filepath.Join(w.root, dir)})
		var broken *CompileError
		if !errors.As(err, &broken) {
			t.Errorf("%s: %v, want a CompileError", dir, err)
			continue
		}
		got := strings.Join(broken.Advice, "\n")
		if dir == "variable" {
			got = broken.Output
		}
		if want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: advice is %q, want %q; the output is\n%s", dir, got, want, broken.Output)
		}
	}
}

// A makefile that gives the kernel's makefile a variable, and makes a header first.
func TestCommandBuildsTargetOfMakefile(t *testing.T) {
	t.Parallel()
	w := newWorkplace(t, "6.1", files{
		"Makefile": "obj-m := one.o\nKDIR ?= $(if $(SRC),$(SRC),/lib/modules/$(shell uname -r)/build)\n" +
			"all: made.h\n\t$(MAKE) -C $(KDIR) M=$(CURDIR) KCPPFLAGS=-DGIVEN modules\nmade.h:\n\techo '#define MADE 1' > $@\n",
		"one.c": plain("#include \"made.h\"\n#if !MADE || !defined GIVEN\n#error the makefile's own target did not run\n#endif\n"),
	})
	_, err := w.build(t, Source{})
	assertBroken(t, err, "made.h")
	assertNames(t, w.must(t, Source{Command: "make"}), "one")
	_, err = w.build(t, Source{Command: "make -C /lib/modules/no-such-kernel/build M=$PWD modules"})
	assertBroken(t, err, "a makefile names a kernel of this host that is not there", "of Command in Config.Builds or of MAKE in dkms.conf")
}

// A shell sets PWD to the directory of the module, and many makefiles read it.
func TestMakefileFindsItsDirectoryInPWD(t *testing.T) {
	t.Parallel()
	w := newWorkplace(t, "6.1", files{
		"include/shared.h": "#define SHARED 1\n", "mod/one.c": plain("#include \"shared.h\"\n"),
		"mod/Kbuild": "ccflags-y := -I$(PWD)/../include\nobj-m := one.o\n",
	})
	assertNames(t, w.must(t, Source{Dirs: []string{"mod"}}), "one")
}

// Some makefiles look for the kernel's directory although kbuild reads them.
func TestMakefileGetsDirectoryOfKernel(t *testing.T) {
	t.Parallel()
	w := newWorkplace(t, "6.1", files{
		"one.c":  plain(""),
		"Kbuild": "KSRC := /lib/modules/running/build\nifeq ($(wildcard $(KSRC)/Makefile),)\n$(error there is no kernel in $(KSRC))\nendif\nobj-m := one.o\n",
	})
	_, err := w.build(t, Source{})
	assertBroken(t, err, "there is no kernel in /lib/modules/running/build")
	assertNames(t, w.must(t, Source{Make: []string{"KSRC=$(KDIR)"}}), "one")
}

// A file outside of the directory that the build reads by its absolute path is an input,
// and the result names it.
func TestFileOutsideIsInput(t *testing.T) {
	t.Parallel()
	w := newWorkplace(t, "6.1", nil)
	outside := filepath.Join(t.TempDir(), "outside.h")
	header := func(number string) {
		t.Helper()
		if err := os.WriteFile(outside, []byte("#define NUMBER "+number+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	header("1")
	files{"Kbuild": "obj-m := m.o\n", "m.c": plain("#include \"" + outside + "\"\nint number = NUMBER;\n")}.write(t, w.root)
	first := w.must(t, Source{})
	if !slices.Equal(first.Outside, []string{outside}) {
		t.Errorf("files outside are %q, want %q", first.Outside, outside)
	}
	header("2")
	if r := w.must(t, Source{}); !r.Built || r.Key == first.Key {
		t.Errorf("after its change: built %t, key changed %t", r.Built, r.Key != first.Key)
	}
}

// Prepare finds the files as they are in the user's directory, even if an earlier run of
// it changed them, and what it makes again with the same content compiles nothing again.
func TestPrepareAlwaysFindsTheUsersFiles(t *testing.T) {
	t.Parallel()
	w := newWorkplace(t, "6.1", files{
		"Kbuild":    "obj-m := parts.o\nparts-y := main.o other.o\n",
		"main.c":    plain("#include \"made.h\"\n"),
		"other.c":   "int other(void);\nint other(void) { return BROKEN; }\n",
		"fix.patch": "--- a/other.c\n+++ b/other.c\n@@ -1,2 +1,2 @@\n int other(void);\n-int other(void) { return BROKEN; }\n+int other(void) { return 1; }\n",
	})
	src := Source{Prepare: "patch -p1 <fix.patch && ln -s Kbuild link && echo '#define MADE 1' >made.h"}
	first := w.must(t, src)
	objects := w.objects(t)
	w.edit(t, "notes.txt", "any file is an input of Prepare")
	if r := w.must(t, src); !r.Built || r.Key != first.Key {
		t.Errorf("again: built %t, key %s, want %s", r.Built, r.Key, first.Key)
	}
	w.assertCompiled(t, objects)
	_, err := w.build(t, Source{Prepare: "echo it says why; false"})
	assertBroken(t, err, "it says why")
}

func TestCommandBuildsInsteadOfKbuild(t *testing.T) {
	t.Parallel()
	w := newWorkplace(t, "6.1", files{
		"src/Makefile": "ifneq ($(M),)\nobj-$(CONFIG_OURS) := one.o two.o\nelse\nall:\n\t$(MAKE) -C $(KDIR) M=$(CURDIR) modules\n\tmkdir -p ../out && cp *.ko ../out\nendif\n",
		"src/one.c":    plain(""), "src/two.c": plain(""),
	})
	src := Source{Command: "make -C src", Make: []string{"CONFIG_OURS=m"}, Load: []string{"two size=4  debug=1"}}
	r := w.must(t, src)
	assertNames(t, r, "one", "two")
	if want := []Loading{{"two", "size=4  debug=1"}}; !slices.Equal(r.Load, want) {
		t.Errorf("it loads %q, want %q", r.Load, want)
	}
	src.Load = []string{"three"}
	if _, err := w.build(t, src); err == nil || !strings.Contains(err.Error(), "makes no module three that is to be loaded; it makes one, two") {
		t.Errorf("an unknown module: got %v", err)
	}
}

func TestModuleThatWasBuiltBefore(t *testing.T) {
	t.Parallel()
	w := newWorkplace(t, "6.1", files{"Kbuild": "obj-m := m-d.o\n", "m-d.c": plain("")})
	built := w.must(t, Source{}).Modules[0]
	want, err := vermagic(w.kernel, arch.Host())
	if err != nil || built.vermagic != want {
		t.Errorf("vermagic of the kernel is %q, %v; that of its module %q", want, err, built.vermagic)
	}
	r := w.must(t, Source{Root: built.Debug})
	assertNames(t, r, "m_d")
	for _, path := range []string{r.Modules[0].Path, r.Modules[0].Debug} {
		a, errA := os.ReadFile(path)
		b, errB := os.ReadFile(built.Debug)
		if errA != nil || errB != nil || !slices.Equal(a, b) {
			t.Errorf("%s is not the file that was named: %v, %v", path, errA, errB)
		}
	}
	w.kernel = resolve(t, "6.12")
	if _, err := w.build(t, Source{Root: built.Debug}); err == nil || !strings.Contains(err.Error(), "was built for another kernel: its vermagic is \"6.1.") {
		t.Errorf("for another kernel: got %v", err)
	}
}

// Without permission to mount there is an error before anything is built.
func TestCacheWhosePathHasSpace(t *testing.T) {
	t.Parallel()
	for _, kernel := range kernels {
		t.Run(kernel, func(t *testing.T) {
			t.Parallel()
			w := newWorkplace(t, kernel, files{"Kbuild": "obj-m := m.o\n", "m.c": plain("")})
			w.moveCache(t, filepath.Join(t.TempDir(), "my cäche (old)"))
			r, err := w.build(t, Source{})
			if _, cannot := plainpath.New(t.Context(), w.cache); cannot != nil {
				if err == nil || err.Error() != cannot.Error() || !strings.Contains(err.Error(), "set XDG_CACHE_HOME") {
					t.Errorf("got %v, want %v", err, cannot)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			assertNames(t, r, "m")
			if text, err := os.ReadFile(r.Modules[0].Debug); err != nil || !strings.Contains(string(text), w.root) || strings.Contains(string(text), w.cache+"/trees") {
				t.Errorf("debug information does not name %s: %v", w.root, err)
			}
		})
	}
}

func TestSourcesWhosePathIsNotPlain(t *testing.T) {
	t.Parallel()
	for _, name := range []string{`my mödule`, `a;b`, `a(b)`, `a&b`, `a|b<c>d`, "a`b", `a$b#c'd"e\f`, `a*b?[c]%:`} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorkplace(t, "6.1", files{name + "/Kbuild": "obj-m := m.o\n", name + "/m.c": plain("")})
			w.root = filepath.Join(w.root, name)
			r := w.must(t, Source{})
			assertNames(t, r, "m")
			if text, err := os.ReadFile(r.Modules[0].Debug); err != nil || !strings.Contains(string(text), w.root) {
				t.Errorf("debug information does not name %s: %v", w.root, err)
			}
		})
	}
}

// moveCache makes dir the cache, with a copy of the files that modules are built with.
func (w *workplace) moveCache(t *testing.T, dir string) {
	t.Helper()
	usr := filepath.Dir(filepath.Dir(w.kernel.Build))
	headers, err := filepath.Rel(filepath.Dir(usr), w.kernel.Build)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if said, err := exec.CommandContext(t.Context(), "cp", "-a", usr, dir).CombinedOutput(); err != nil {
		t.Fatalf("copy %s: %v\n%s", usr, err, said)
	}
	kernel := *w.kernel
	kernel.Build = filepath.Join(dir, headers)
	w.kernel, w.cache = &kernel, dir
}
