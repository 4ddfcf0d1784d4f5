package kbuild

import (
	"debug/elf"
	"strings"
	"testing"

	"github.com/kmodtest/kmodtest/images/arch"
)

// foreignKernels are kernels for architectures that are not the host's.
func foreignKernels() []string {
	var names []string
	for _, name := range []string{"6.1@arm64", "6.12@arm64", "6.1@s390x"} {
		if !strings.HasSuffix(name, "@"+arch.Host().Name) {
			names = append(names, name)
		}
	}
	return names
}

func TestModulesAreBuiltForTheArchitectureOfTheKernel(t *testing.T) {
	t.Parallel()
	for _, name := range foreignKernels() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorkplace(t, name, files{
				"Kbuild": "obj-m := one.o two.o\n",
				"one.c":  plain("#include <linux/export.h>\nint one(void);\nint one(void) { return 1; }\nEXPORT_SYMBOL_GPL(one);\n"),
				"two.c":  plain("int one(void);\nint two(void);\nint two(void) { return one(); }\n"),
			})
			target, err := arch.Find(w.kernel.Arch)
			if err != nil {
				t.Fatal(err)
			}
			r := w.must(t, Source{})
			assertNames(t, r, "one", "two")
			want, err := vermagic(w.kernel, target)
			if err != nil || r.Modules[0].vermagic != want {
				t.Errorf("vermagic of the kernel is %q, %v; that of its module %q", want, err, r.Modules[0].vermagic)
			}
			for _, path := range []string{r.Modules[0].Path, r.Modules[1].Debug} {
				f, err := elf.Open(path)
				if err != nil {
					t.Fatal(err)
				}
				if f.Machine != target.ELF || f.ByteOrder != target.Order {
					t.Errorf("%s is for %v, %v", path, f.Machine, f.ByteOrder)
				}
				f.Close()
			}
			if same, err := sameLayout(r.Modules[0].Debug, w.kernel.Build); !same || err != nil {
				t.Errorf("the checksum of the kernel's structures is not found in its own module: %v", err)
			}
			if again := w.must(t, Source{}); again.Built || again.Key != r.Key {
				t.Errorf("without a change: built %t", again.Built)
			}
			w.kernel = resolve(t, "6.1")
			if _, err := w.build(t, Source{Root: r.Modules[0].Debug}); err == nil || !strings.Contains(err.Error(), "was built for another architecture") {
				t.Errorf("for a kernel of the host's architecture: got %v", err)
			}
		})
	}
}

func TestCommandsGetTheVariablesOfTheArchitecture(t *testing.T) {
	t.Parallel()
	name := foreignKernels()[0]
	w := newWorkplace(t, name, files{
		"src/Makefile": "ifneq ($(M),)\nobj-m := one.o\nelse\nall:\n\t$(MAKE) -C $(KDIR) M=$(CURDIR) modules\nendif\n",
		"src/one.c":    plain("#include \"made.h\"\nint one = ONE;\n"),
	})
	target, err := arch.Find(w.kernel.Arch)
	if err != nil {
		t.Fatal(err)
	}
	// Prepare runs the compiler as a configure script would.
	r := w.must(t, Source{
		Prepare: `test "$ARCH" = ` + target.Make + ` && echo 'int one;' | ${CROSS_COMPILE}gcc -c -x c -o one.test - && rm one.test && echo "#define ONE 1" >src/made.h`,
		Command: "make -C src",
	})
	if r.Modules[0].machine != target.ELF {
		t.Errorf("the module is for %v", r.Modules[0].machine)
	}
}
