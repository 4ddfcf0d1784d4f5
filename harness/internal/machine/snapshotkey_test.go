package machine

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/kmodtest/kmodtest/harness/internal/qemu"
)

// snapshotConfig has files that exist.
func snapshotConfig(t *testing.T) qemu.Config {
	t.Helper()
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return qemu.Config{Binary: file("qemu", "#!/bin/sh\n"), Accel: qemu.TCG, Kernel: file("kernel", ""), Initramfs: file("initramfs", "")}
}

// A restored kernel counts by the rate that it was told. So the key has it.
func TestSnapshotIsForOneRateOfCounter(t *testing.T) {
	config := snapshotConfig(t)
	keys := map[string]bool{}
	for _, rate := range []string{"2600000", "3000000"} {
		config.EmulatedArgs = []string{"tsc_early_khz=" + rate}
		key, err := snapshotKey(config)
		if err != nil {
			t.Fatal(err)
		}
		keys[key] = true
	}
	if len(keys) != 2 {
		t.Error("two rates have the same snapshot")
	}
}

// Everything else is the same here, even the program.
func TestSnapshotIsForOneArchitecture(t *testing.T) {
	config := snapshotConfig(t)
	keys := map[string]string{}
	for _, goarch := range []string{"amd64", "arm64", "riscv64", "s390x"} {
		config.Arch = goarch
		key, err := snapshotKey(config)
		if err != nil {
			t.Fatal(err)
		}
		if other := keys[key]; other != "" {
			t.Errorf("a machine for %s has the snapshot of one for %s", goarch, other)
		}
		keys[key] = goarch
		if again, err := snapshotKey(config); again != key || err != nil {
			t.Errorf("%s: the key is %s and then %s, %v", goarch, key, again, err)
		}
	}
}
