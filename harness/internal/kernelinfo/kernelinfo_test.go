package kernelinfo

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/kmodtest/kmodtest/images"
)

func TestCompareReleases(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want int
	}{
		{"6.1", "6.1.0-13-amd64", 0},
		{"6.1.9", "6.1.10", -1},
		{"6.12.0", "6.2", 1},
		{"5.10.0-rc1", "5.10.1", -1},
		{"6", "5.19", 1},
	} {
		if got := CompareReleases(test.a, test.b); got != test.want {
			t.Errorf("%s and %s: got %d, want %d", test.a, test.b, got, test.want)
		}
	}
}

func TestTicksAreThoseOfConfiguration(t *testing.T) {
	for text, want := range map[string]int{
		"CONFIG_HZ_250=y\nCONFIG_HZ=250\nCONFIG_X=y\n": 250, "CONFIG_HZ=100": 100, "CONFIG_HZ_250=y\n": 0, "CONFIG_HZ=many\n": 0, "CONFIG_HZ=-1\n": 0, "": 0,
	} {
		dir := t.TempDir()
		write := func(name string) {
			t.Helper()
			path := filepath.Join(dir, name)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		row := &images.Kernel{Version: "1", Release: "9.9", Image: filepath.Join(dir, "boot", "vmlinuz-9.9"), Build: filepath.Join(dir, "build")}
		path := &images.Kernel{Release: row.Release, Image: row.Image, Build: row.Build}
		check := func(what string, k *images.Kernel, config string, hz int) {
			t.Helper()
			if got := string(Config(k)); got != config || HZ(k) != hz {
				t.Errorf("%s: %q, %d, want %q, %d", what, got, HZ(k), config, hz)
			}
		}
		check("without a configuration", row, "", 0)
		write("build/.config")
		check("built from a row", row, text, want)
		check("in a tree of the user", path, text, 0)
		write("boot/config-9.9")
		check("beside the image of a row", row, text, want)
		check("beside the image at a path", path, text, want)
	}
}
