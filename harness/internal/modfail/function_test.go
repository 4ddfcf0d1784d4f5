package modfail

import (
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestFunctionsOfTheKernel(t *testing.T) {
	all, err := functions()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []function{
		{symbol: "__kmalloc", name: "kmalloc", failure: failNull, holding: holds, class: "memory", key: keyResult, keep: true},
		{symbol: "kfree", name: "kfree", failure: failNever, holding: releases, class: "memory", keep: true},
		{symbol: "__kmalloc_cache_noprof", name: "kmalloc", failure: failNull, holding: holds, class: "memory", key: keyResult, keep: true},
		{symbol: "kmem_cache_free", name: "kmem_cache_free", failure: failNever, holding: releases, class: "memory", key: 1},
		{symbol: "krealloc", name: "krealloc", failure: failNull, holding: exchanges, class: "memory", key: keyResult},
		{symbol: "_copy_from_user", name: "copy_from_user", failure: failBytes, failed: 2},
		{symbol: "misc_register", name: "misc_register", failure: failInt, failed: int(unix.EBUSY), holding: holds, class: "misc device"},
		{symbol: "memdup_user", name: "memdup_user", failure: failPointer, failed: int(unix.ENOMEM), holding: holds, class: "memory", key: keyResult, keep: true},
		{symbol: "rtnl_lock", name: "rtnl_lock", failure: failNever, holding: holds, class: "RTNL", key: keyNone},
	} {
		if got := all[want.symbol]; got != want {
			t.Errorf("%s: got %+v, want %+v", want.symbol, got, want)
		}
	}
}

// TestClassesAreReleased is that a module can release what it holds, of each class.
func TestClassesAreReleased(t *testing.T) {
	all, err := functions()
	if err != nil {
		t.Fatal(err)
	}
	released := map[string]bool{}
	for _, f := range all {
		if f.holding == releases {
			released[f.class] = true
		}
	}
	for _, f := range all {
		if f.holding == holds && !released[f.class] {
			t.Errorf("%s holds a %s that no function releases", f.symbol, f.class)
		}
	}
}

func TestLinesThatAreNotValid(t *testing.T) {
	for line, want := range map[string]string{
		"f":                       `"" is not a failure`,
		"f EWRONG":                `"EWRONG" is not a failure`,
		"f bytes6":                "not the number of an argument",
		"f null memory:r":         "not of the form",
		"f null +memory":          "not of the form",
		"f null +:r":              "not of the form",
		"f null +memory:6":        "not of the form",
		"f null\nf null":          "line 2: f is there twice",
		"# comment\n\nf *nothing": "line 3: ",
	} {
		if _, err := parseFunctions(line); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want an error with %q", line, err, want)
		}
	}
}
