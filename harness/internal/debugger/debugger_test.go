package debugger

import (
	"bytes"
	"debug/elf"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// kernelSymbols is what a guest shows of its kernel. It can be anything.
const kernelSymbols = `0000000000000000 A fixed_percpu_data
ffffffff9a000000 T _stext
ffffffff9a000010 T __warn
ffffffff9a000010 t warn_alias
ffffffff9a000030 t panic
ffffffff9a000100 T _etext
ffffffff9b000000 D jiffies
ffffffff9b000000 D x;shell
ffffffffc0000000 t socketopt_set	[socketopt]
not an address
`

func TestSymbolsOfGuestBecomeFile(t *testing.T) {
	s, err := parseKallsyms([]byte(kernelSymbols))
	if err != nil {
		t.Fatal(err)
	}
	f, err := elf.NewFile(bytes.NewReader(s.object()))
	if err != nil {
		t.Fatal(err)
	}
	list, err := f.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]elf.Symbol{}
	for _, sym := range list {
		got[sym.Name] = sym
	}
	if len(got) != 6 {
		t.Errorf("%d symbols, want 6: %v", len(got), got)
	}
	for name, size := range map[string]uint64{"__warn": 0x20, "warn_alias": 0x20, "panic": 0xd0} {
		if sym := got[name]; elf.ST_TYPE(sym.Info) != elf.STT_FUNC || sym.Size != size || f.Sections[sym.Section].Name != ".text" {
			t.Errorf("%s is %+v, want a function of %#x bytes", name, sym, size)
		}
	}
	if sym := got["jiffies"]; sym.Value != 0xffffffff9b000000 || sym.Section != elf.SHN_ABS {
		t.Errorf("jiffies is %+v", sym)
	}
}

func TestKernelThatHidesSymbolsIsAnError(t *testing.T) {
	for _, text := range []string{"", "0000000000000000 T _stext\n0000000000000000 T _etext\n"} {
		if _, err := parseKallsyms([]byte(text)); err == nil || !strings.Contains(err.Error(), "CONFIG_KALLSYMS") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestScriptStopsAtReportsThatTheKernelHas(t *testing.T) {
	dir := t.TempDir()
	d := &Debugger{Kernel: filepath.Join(dir, "none"), Release: "6.1.0-50-cloud-amd64"}
	if err := d.write(dir, map[string][]byte{kallsyms: []byte(kernelSymbols)}); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, scriptName))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"\nbreak *0xffffffff9a000010\n", "\nbreak *0xffffffff9a000030\n", "\ntarget remote " + dir + "/socket\n"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the script lacks %q:\n%s", want, text)
		}
	}
	if n := strings.Count(string(text), "\nbreak "); n != 2 || strings.Contains(string(text), "orc") {
		t.Errorf("%d breakpoints, or tables that the kernel does not have:\n%s", n, text)
	}
}
