package gobuild

import (
	"path/filepath"
	"testing"
)

func TestPackagesOfModuleShareOwnPrograms(t *testing.T) {
	cache, builds := t.TempDir(), 0
	var programs []Program
	for _, dir := range []string{"../../..", "../../../vmtest", "../../testdata/flags"} {
		dir, err := filepath.Abs(dir)
		if err != nil {
			t.Fatal(err)
		}
		program, err := BuildOwn(t.Context(), cache, dir, "harness/cmd/kmodtest-init", func() { builds++ })
		if err != nil {
			t.Fatal(err)
		}
		programs = append(programs, program)
	}
	if builds != 1 || programs[0].Path == "" || programs[1] != programs[0] || programs[2] != programs[0] {
		t.Errorf("%d builds, want 1; programs: %+v", builds, programs)
	}
}

func TestModuleRootIsNearestGoMod(t *testing.T) {
	outer := writeProgram(t)
	if got := moduleRoot(filepath.Join(outer, "deep", "er")); got != outer {
		t.Errorf("below a module: %s, want %s", got, outer)
	}
	if got := moduleRoot("/proc/self"); got != "/proc/self" {
		t.Errorf("outside of any module: %s", got)
	}
}
