package packageroot

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/kmodtest/kmodtest/images/internal/files/filestest"
)

func TestRelocateMakesPathsRelative(t *testing.T) {
	root := filestest.Tree(t, map[string]string{
		"usr/src/linux-headers-1-common/Makefile":                "include /usr/src/not-at-the-top\n",
		"usr/src/linux-headers-1-cloud/Makefile":                 "# made\nKBUILD_OUTPUT=/usr/src/linux-headers-1-cloud\ninclude /usr/src/linux-headers-1-common/Makefile\n",
		"usr/src/linux-headers-1-cloud/include/config/auto.conf": "CONFIG_A=y\nCONFIG_DEBUG_INFO_BTF_MODULES=y\nCONFIG_B=y\n",
		"usr/src/linux-headers-1-cloud/scripts":                  "-> ../../lib/linux-kbuild-1/scripts",
		"usr/lib/linux-kbuild-1/scripts/file":                    "script",
		"lib/modules/1-cloud/build":                              "-> /usr/src/linux-headers-1-cloud",
		"lib/modules/1-cloud/system":                             "-> /etc/passwd",
	})
	if err := Relocate(root); err != nil {
		t.Fatal(err)
	}
	moved := filepath.Join(t.TempDir(), "moved")
	if err := os.Rename(root, moved); err != nil {
		t.Fatal(err)
	}
	build := filepath.Join(moved, "lib/modules/1-cloud/build")
	filestest.Want(t, filepath.Join(build, "Makefile"),
		"# made\nKBUILD_OUTPUT := $(realpath $(dir $(lastword $(MAKEFILE_LIST))))\ninclude $(dir $(lastword $(MAKEFILE_LIST)))../linux-headers-1-common/Makefile\n")
	filestest.Want(t, filepath.Join(build, "include/config/auto.conf"), "CONFIG_A=y\nCONFIG_B=y\n")
	filestest.Want(t, filepath.Join(build, "scripts/file"), "script")
	filestest.Want(t, filepath.Join(moved, "usr/src/linux-headers-1-common/Makefile"), "include /usr/src/not-at-the-top\n")
	if target, err := os.Readlink(filepath.Join(moved, "lib/modules/1-cloud/system")); !os.IsNotExist(err) {
		t.Errorf("a link to a file outside the packages has the target %q, %v", target, err)
	}
}

func TestStripKeepsRequiredFiles(t *testing.T) {
	root := filestest.Tree(t, map[string]string{
		"boot/vmlinuz-1-cloud":                   "kernel",
		"boot/System.map-1-cloud":                "map",
		"boot/config-1-cloud":                    "config",
		"usr/share/doc/linux/changelog.gz":       "doc",
		"usr/src/linux-headers-1-cloud/vmlinux":  "types",
		"usr/src/linux-headers-1-cloud/Makefile": "makefile",
		"usr/lib/modules/1-cloud/kernel/a.ko":    "module",
	})
	release, err := Strip(root)
	if err != nil || release != "1-cloud" {
		t.Fatalf("got release %q, %v", release, err)
	}
	for _, name := range []string{"boot/System.map-1-cloud", "boot/config-1-cloud", "usr/share", "usr/src/linux-headers-1-cloud/vmlinux"} {
		if _, err := os.Lstat(filepath.Join(root, name)); err == nil {
			t.Errorf("%s still exists", name)
		}
	}
	filestest.Want(t, filepath.Join(root, "boot/vmlinuz-1-cloud"), "kernel")
	filestest.Want(t, filepath.Join(root, "usr/src/linux-headers-1-cloud/Makefile"), "makefile")
	filestest.Want(t, filepath.Join(root, "lib/modules/1-cloud/kernel/a.ko"), "module")
}

func TestStripFindsUncompressedKernel(t *testing.T) {
	root := filestest.Tree(t, map[string]string{"boot/vmlinux-1-riscv64": "kernel", "lib/modules/1-riscv64/kernel/a.ko": "module"})
	if release, err := Strip(root); err != nil || release != "1-riscv64" {
		t.Fatalf("got release %q, %v", release, err)
	}
	filestest.Want(t, filepath.Join(root, "boot/vmlinuz-1-riscv64"), "kernel")
}

func TestStripRequiresOneKernel(t *testing.T) {
	for _, files := range []map[string]string{{"boot/x": ""}, {"boot/vmlinuz-1": "", "boot/vmlinuz-2": ""}} {
		if _, err := Strip(filestest.Tree(t, files)); err == nil {
			t.Errorf("accepted %v", files)
		}
	}
}
