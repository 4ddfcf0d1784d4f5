package modfail

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
)

const source = `extern void *__kmalloc(unsigned long size, unsigned int flags);
extern void kfree(const void *p);
extern void unknown(void *p);

static inline void release(void *p)
{
	kfree(p);
}

__attribute__((section(".init.text"))) int begin(void)
{
	return !__kmalloc(1, 2); /* line 12 */
}

void end(void *p)
{
	unknown(p);
	release(p); /* inlined: line 7 is of the same file */
}
`

// compile compiles the source as a module is compiled, and returns the path.
func compile(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "m.c"), []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("gcc", "-c", "-g", "-O2", "-fno-optimize-sibling-calls", "-fno-pic", "-mcmodel=kernel", "-o", "m.ko", "m.c")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return filepath.Join(dir, "m.ko")
}

func TestPlacesOfCalls(t *testing.T) {
	known, err := functions()
	if err != nil {
		t.Fatal(err)
	}
	m, err := readModule(compile(t), known)
	if err != nil {
		t.Fatal(err)
	}
	var names, lines []string
	for _, f := range m.functions {
		names = append(names, f.symbol)
	}
	for _, p := range m.places {
		lines = append(lines, m.sections[p.section]+" "+p.text)
	}
	slices.Sort(lines)
	if want := []string{"__kmalloc", "kfree"}; !slices.Equal(names, want) {
		t.Errorf("functions: got %q, want %q", names, want)
	}
	if want := []string{".init.text m.c:12", ".text m.c:7"}; !slices.Equal(lines, want) {
		t.Errorf("places: got %q, want %q", lines, want)
	}
}

func TestLinkSendsCallsElsewhere(t *testing.T) {
	ko := compile(t)
	tools := Tools{Compiler: "gcc", Objcopy: "objcopy", Linker: "ld", Wrap: func(*exec.Cmd) {}}
	if err := Link(t.Context(), tools, ko); err != nil {
		t.Fatal(err)
	}
	called := targets(t, ko)
	for section, want := range map[string][]string{
		".text":          {"unknown", "kmodtest_call_kfree"},
		".init.text":     {"kmodtest_call___kmalloc"},
		".text.kmodtest": {"kmodtest_fail_calls", "__kmalloc", "kmodtest_fail_calls", "kfree"},
	} {
		if got := called[section]; !slices.Equal(got, want) {
			t.Errorf("%s refers to %q, want %q", section, got, want)
		}
	}
	left, err := filepath.Glob(filepath.Join(filepath.Dir(ko), "*"))
	if err != nil || len(left) != 2 {
		t.Errorf("the directory has %q, %v; want m.c and m.ko", left, err)
	}
}

// targets returns the names of the symbols that relocations of a file name, by section.
func targets(t *testing.T, ko string) map[string][]string {
	t.Helper()
	f, err := elf.Open(ko)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	symbols, err := f.Symbols()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string][]string{}
	for _, s := range f.Sections {
		if s.Type != elf.SHT_RELA {
			continue
		}
		data, err := s.Data()
		if err != nil {
			t.Fatal(err)
		}
		name := f.Sections[s.Info].Name
		for ; len(data) > 0; data = data[24:] {
			symbol := symbols[f.ByteOrder.Uint32(data[12:])-1]
			if elf.ST_TYPE(symbol.Info) != elf.STT_SECTION {
				found[name] = append(found[name], symbol.Name)
			}
		}
	}
	return found
}
