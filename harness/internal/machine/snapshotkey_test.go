package machine

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/kmodtest/kmodtest/harness/internal/qemu"
)

// Everything else is the same here, even the program.
func TestSnapshotIsForOneArchitecture(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
		return path
	}
	config := qemu.Config{Binary: file("qemu", "#!/bin/sh\n"), Accel: qemu.TCG, Kernel: file("kernel", ""), Initramfs: file("initramfs", "")}
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
