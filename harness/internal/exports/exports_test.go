package exports

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kmodtest/kmodtest/images"
)

func TestUndefinedSymbols(t *testing.T) {
	const output = `  MODPOST /home/me/mod/Module.symvers
ERROR: modpost: "frob_open" [/home/me/mod/tiny.ko] undefined!
ERROR: modpost: "frob_close" [/home/me/mod/tiny.ko] undefined!
ERROR: modpost: "frob_open" [/home/me/mod/other.ko] undefined!
ERROR: "old_style" [/home/me/mod/other.ko] undefined!
WARNING: modpost: "harmless" [/home/me/mod/other.ko] undefined!
make[1]: *** [scripts/Makefile.modpost:126: /home/me/mod/Module.symvers] Error 1
`
	if diff := cmp.Diff([]string{"frob_open", "frob_close", "old_style"}, Undefined(output)); diff != "" {
		t.Errorf("symbols (-want +got):\n%s", diff)
	}
	if got := Undefined("tiny.c:3:1: error: expected ';'\n"); got != nil {
		t.Errorf("a compiler's error has the symbols %q", got)
	}
}

func TestAdviceOnSymbols(t *testing.T) {
	cloud := &images.Kernel{Name: "6.1", Release: "6.1.0-50-cloud-amd64"}
	own := &images.Kernel{Name: "product", Release: "6.6.87"}
	full := Exporter{"6.1-full", "6.1.0-50-amd64", []string{"drivers/frob/frob-core"}}
	for name, test := range map[string]struct {
		symbols []string
		kernel  *images.Kernel
		option  string
		others  []Exporter
		want    []string
	}{
		"another kernel": {[]string{"frob_open"}, cloud, "", []Exporter{full}, []string{
			"Linux 6.1.0-50-cloud-amd64 does not export frob_open",
			"these kernels do: 6.1-full (Linux 6.1.0-50-amd64), in module drivers/frob/frob-core: KMODTEST_KERNEL=6.1-full or harness.Config.Kernel chooses one",
		}},
		"an option": {[]string{"frob_open"}, own, "CONFIG_FROB", []Exporter{full}, []string{
			"Linux 6.6.87 does not export frob_open",
			"these kernels do: 6.1-full (Linux 6.1.0-50-amd64), in module drivers/frob/frob-core, by CONFIG_FROB, which is off here: " +
				"KMODTEST_KERNEL=6.1-full or harness.Config.Kernel chooses one",
		}},
		"built into others": {[]string{"a", "b"}, cloud, "CONFIG_NO", []Exporter{{"5.10", "5.10.0-32-cloud-amd64", []string{"vmlinux"}}, {"5.10-min", "5.10.223-min", []string{"vmlinux"}}}, []string{
			"Linux 6.1.0-50-cloud-amd64 does not export a, b",
			"these kernels do: 5.10 (Linux 5.10.0-32-cloud-amd64), 5.10-min (Linux 5.10.223-min), in the kernel itself: " +
				"KMODTEST_KERNEL=5.10 or harness.Config.Kernel chooses one",
		}},
		"of the same version": {[]string{"a"}, cloud, "", []Exporter{{"5.10-full", "5.10.0-32-amd64", []string{"drivers/frob/frob"}}, full}, []string{
			"Linux 6.1.0-50-cloud-amd64 does not export a",
			"these kernels do: 6.1-full (Linux 6.1.0-50-amd64), 5.10-full (Linux 5.10.0-32-amd64), in module drivers/frob/frob-core: " +
				"KMODTEST_KERNEL=6.1-full or harness.Config.Kernel chooses one",
		}},
		"cloud flavour": {[]string{"a", "b", "c", "d", "e", "f", "g"}, cloud, "", nil, []string{
			"Linux 6.1.0-50-cloud-amd64 does not export a, b, c, d, e and 2 more, nor does any other kernel in the cache",
			"the cloud flavour lacks most drivers; kernel 6.1-full has them: KMODTEST_KERNEL=6.1-full or harness.Config.Kernel chooses it",
			"if another module of yours exports it, its directory must come first in harness.Config.Modules",
		}},
		"no idea": {[]string{"frob_open"}, own, "", nil, []string{
			"Linux 6.6.87 does not export frob_open, nor does any other kernel in the cache",
			"if another module of yours exports it, its directory must come first in harness.Config.Modules",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			got := Advise(test.symbols, test.kernel, func(string) string { return test.option }, test.others, images.Rows())
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("advice (-want +got):\n%s", diff)
			}
		})
	}
}

func TestExportedBy(t *testing.T) {
	const symvers = "0x01\tfrob_open\tdrivers/frob/frob\tEXPORT_SYMBOL_GPL\t\n" +
		"0x02\tfrob_close\tdrivers/frob/frob\tEXPORT_SYMBOL\t\n0x03\tkfree\tvmlinux\tEXPORT_SYMBOL\t\nbroken line\n"
	for name, test := range map[string]struct{ symbols, want []string }{
		"a module":    {[]string{"frob_open", "frob_close"}, []string{"drivers/frob/frob"}},
		"two places":  {[]string{"kfree", "frob_open"}, []string{"drivers/frob/frob", "vmlinux"}},
		"one missing": {[]string{"frob_open", "frob_write"}, nil},
		"a prefix":    {[]string{"frob"}, nil},
	} {
		if diff := cmp.Diff(test.want, exportedBy(strings.NewReader(symvers), test.symbols)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestOptionOf(t *testing.T) {
	const makefile = `frob-core-y := a.o b.o
obj-$(CONFIG_FROB) += frob-core.o frob-bus.o \
	frob-last.o
obj-${CONFIG_OTHER} += other.o
obj-y += always.o
`
	for module, want := range map[string]string{
		"frob-core": "CONFIG_FROB", "frob_core": "CONFIG_FROB", "frob-last": "CONFIG_FROB", "other": "CONFIG_OTHER", "always": "", "frob": "",
	} {
		if got := optionOf(makefile, module); got != want {
			t.Errorf("%s: got %q, want %q", module, got, want)
		}
	}
}
