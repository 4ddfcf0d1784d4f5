package leaks

import (
	"slices"
	"strings"
	"testing"
)

func TestGrowthIsReported(t *testing.T) {
	refs, cache := Thing{"module m", "references"}, Thing{"cache c of module m", "objects"}
	got := Snapshot{refs: 2, cache: 5, {"vmalloc at f+0x1/0x2 [m]", "areas"}: 1}.Growth(Snapshot{refs: 2, cache: 4})
	want := []string{"cache c of module m: 5 objects, and 4 before the test", "vmalloc at f+0x1/0x2 [m]: 1 areas, and 0 before the test"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := (Snapshot{refs: 1}).Growth(Snapshot{refs: 2, cache: 4}); got != nil {
		t.Errorf("less than before: got %q", got)
	}
}

func TestPlacesInModulesUnderTestCount(t *testing.T) {
	files := map[string][]byte{"m": {}}
	for words, want := range map[string]bool{
		"f+0x1/0x2 [m]": true, "f+0x1/0x2 [other]": false, "f+0x1/0x2 age=5": false, "pages=3 [m]": false,
	} {
		function, module, _ := strings.Cut(words, " ")
		if place, got := placeIn(files, function, module); got != want || got && place != words {
			t.Errorf("%s: got %q and %v, want %v", words, place, got, want)
		}
	}
}

func TestReportsNameFunctionsOfModulesThatHaveGone(t *testing.T) {
	s := &Scan{known: map[string]bool{"unreferenced object 0xffff888003a1d000 (size 64):\n  comm \"x.test\", pid 90, jiffies 4294670001": true}}
	s.symbols.parse("ffffffffc0201000 t f\t[m]\nffffffffc0200000 t g\t[m]\nffffffff81000000 T _stext\n0000000000000000 t hidden\t[m]\n")
	got := s.reports(`unreferenced object 0xffff888003a1be00 (size 64):
  comm "x.test", pid 90, jiffies 4294670000
  backtrace:
    [<00000000a1b2c3d4>] __kmalloc+0x10/0x20
    [<ffffffffc0201034>] 0xffffffffc0201034
unreferenced object 0xffff888003a1bf00 (size 64):
  backtrace:
    kmem_cache_alloc+0x10/0x20
unreferenced object 0xffff888003a1c000 (size 64):
  backtrace:
    f+0x34/0x40 [m]
unreferenced object 0xffff888003a1d000 (size 64):
  comm "x.test", pid 90, jiffies 4294670001 (age 12.345s)
  backtrace:
    f+0x34/0x40 [m]
unreferenced object 0xffff888003a1d000 (size 64):
  comm "x.test", pid 90, jiffies 4294670002 (age 12.345s)
  backtrace:
    0xffffffffc0200010
`)
	if len(got) != 3 || !strings.HasSuffix(got[0], "f+0x34 [m]") || !strings.Contains(got[1], "f+0x34/0x40 [m]") || !strings.HasSuffix(got[2], "g+0x10/0x1000 [m]") {
		t.Errorf("the reports are %q", got)
	}
}
