package initramfs

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/kmodtest/kmodtest/harness/internal/modindex"
	"github.com/kmodtest/kmodtest/images"
)

func TestDriversOfChannelAreInLoadingOrder(t *testing.T) {
	const top = "/lib/modules/9.9/kernel/"
	for name, c := range map[string]struct {
		dep, builtin string
		want         []string
	}{
		"modules": {
			"kernel/console.ko: kernel/virtio.ko kernel/ring.ko\nkernel/pci.ko.xz: kernel/ring.ko kernel/virtio.ko\nkernel/ring.ko:\nkernel/virtio.ko: kernel/ring.ko\n", "",
			[]string{top + "ring.ko", top + "virtio.ko", top + "pci.ko", top + "console.ko"},
		},
		"one is built in": {"kernel/console.ko:\n", "kernel/pci.ko\n", []string{top + "console.ko"}},
		"all built in":    {"", "kernel/pci.ko\nkernel/console.ko\n", nil},
	} {
		dir := t.TempDir()
		for file, text := range map[string]string{"modules.dep": c.dep, "modules.builtin": c.builtin} {
			if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		kernel := &images.Kernel{Release: "9.9", Modules: dir}
		s := Spec{Kernel: kernel, Modules: modindex.New(kernel, nil), Drivers: []string{"pci", "console"}}
		if got, err := s.transport(); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, %v, want %q", name, got, err, c.want)
		}
	}
	kernel := &images.Kernel{Release: "9.9"}
	if got, err := (Spec{Kernel: kernel, Modules: modindex.New(kernel, nil), Drivers: []string{"pci"}}).transport(); err != nil || got != nil {
		t.Errorf("a kernel without modules: %q, %v", got, err)
	}
}
