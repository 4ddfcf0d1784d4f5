package kbuild

import (
	"slices"
	"testing"
)

func TestPlacesOfKernel(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		text string
		want []string
	}{
		"running kernel":   {"KDIR ?= /lib/modules/$(shell uname -r)/build\nall:\n\t$(MAKE) -C $(KDIR) M=$(CURDIR)\n", []string{"KDIR"}},
		"other assignment": {"  export SRC:=/lib/modules/$(V)/build/ # headers\nK = make -C \"${SRC}\"\n", []string{"SRC"}},
		"in two steps":     {"P := /lib/modules/$(V)\nD := $(P)/build\nall:\n\tmake -C $(D)\n", []string{"D"}},
		"twice":            {"D := /lib/modules/1/build\nD := /lib/modules/2/build\nall:\n\tmake -C $(D)\n", []string{"D"}},
		"outputs":          {"OUT := $(CURDIR)/build\nall:\n\tmake -C $(OUT)\n", nil},
		"not make's":       {"K := /lib/modules/1/build\nOUT := $(CURDIR)/build\nall:\n\tmake -C src\n", nil},
		"another variable": {"K := /lib/modules/1/build\nall:\n\tmake -C $(K2)\n", nil},
		"in a function":    {"D ?= $(if $(SRC),$(SRC),/lib/modules/$(V)/build)\nall:\n\tmake -C $(D)\n", []string{"D"}},
		"modules":          {"M := /lib/modules/1/extra\nall:\n\tmake -C $(M)\n", nil},
	} {
		if got := placesOfKernel([]byte(test.text)); !slices.Equal(got, test.want) {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
	}
}

// The makefile builds against a kernel that is not there, unless it gets another place.
func TestCommandWhoseMakefileNamesInstalledKernel(t *testing.T) {
	t.Parallel()
	w := newWorkplace(t, "6.1", files{
		"Makefile":   "K := /lib/modules/no-such-kernel\nKDIR := $(K)/build\nall:\n\t$(MAKE) -C $(KDIR) M=$(CURDIR)/src modules\n",
		"src/Kbuild": "obj-m := one.o\n",
		"src/one.c":  plain(""),
	})
	if _, err := w.build(t, Source{Command: "make all"}); err != nil {
		t.Fatal(err)
	}
}
