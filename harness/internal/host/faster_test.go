package host

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kmodtest/kmodtest/harness/internal/modindex"
	"github.com/kmodtest/kmodtest/harness/internal/qemu"
	"github.com/kmodtest/kmodtest/harness/internal/tsc"
	"github.com/kmodtest/kmodtest/images"
)

func TestUserDecidesOnParametersForFasterBoot(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{"modules.dep": "", "modules.builtin": "kernel/crypto/cryptomgr.ko\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	kernel := &images.Kernel{Release: "6.1.0", Modules: dir}
	builtin, unknown := modindex.New(kernel, nil), modindex.New(&images.Kernel{Release: "6.1.0"}, nil)
	counter := tsc.Parameters(kernel.Release, 0)
	for _, c := range []struct {
		arch, user, arguments string
		modules               *modindex.Index
		crypto, counts        bool
	}{
		{"amd64", "", "", builtin, true, true},
		{"arm64", "", "", builtin, true, false},
		{"amd64", "a cryptomgr.notests=0", "", builtin, false, true},
		{"amd64", "cryptomgr.notests=1", "", builtin, false, true},
		{"amd64", "", "", unknown, false, true},
		{"amd64", "tsc=unstable", "", builtin, true, false},
		{"amd64", "notsc", "", builtin, true, false},
		{"amd64", "clocksource=hpet", "", builtin, true, false},
		{"amd64", "", "-icount shift=0", builtin, true, false},
		{"amd64", "", "-device edu", builtin, true, true},
	} {
		m := qemu.Config{Arch: c.arch, KernelArgs: strings.Fields(c.user), Arguments: strings.Fields(c.arguments)}
		crypto := bootFaster(&m, kernel, c.modules)
		var want []string
		if c.counts {
			want = counter
		}
		if crypto != c.crypto || slices.Contains(m.BootArgs, "cryptomgr.notests=1") != c.crypto || !slices.Equal(m.EmulatedArgs, want) {
			t.Errorf("%+v: %v, %q and %q, want %q", c, crypto, m.BootArgs, m.EmulatedArgs, want)
		}
	}
}
