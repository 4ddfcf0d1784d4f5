package packageroot

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/images/internal/files/filestest"
)

// precious are files of the user that no package may change.
func precious() map[string]string {
	return map[string]string{
		"share/photo": "a photo", "config-1": "a configuration", "vmlinux": "a kernel", "vmlinux-1": "a kernel", "kernel.json": "{}",
		"Makefile": "KBUILD_OUTPUT = /usr/src/mine\n", "include/config/auto.conf": "CONFIG_DEBUG_INFO_BTF_MODULES=y\n",
	}
}

// TestPackagesChangeNoOtherFiles has packages with links to the user's files where files of packages are removed, moved and
// rewritten.
func TestPackagesChangeNoOtherFiles(t *testing.T) {
	for _, link := range []string{
		"usr", "boot", "lib", "etc", "usr/share", "usr/src", "usr/src/linux-headers-1", "usr/src/kernels", "usr/src/kernels/1", "lib/modules",
		"lib/modules/1", "lib/modules/1/build", "usr/src/linux-headers-1/include/config", "boot/vmlinux-1",
	} {
		for _, relative := range []bool{false, true} {
			user := filestest.Tree(t, precious())
			root := t.TempDir()
			if link != "boot" {
				filestest.Add(t, root, map[string]string{"boot/vmlinuz-1": "kernel"})
			}
			if link == "usr/src/linux-headers-1/include/config" {
				filestest.Add(t, root, map[string]string{"usr/src/linux-headers-1/Makefile": "-> " + user + "/Makefile"})
			}
			target := user
			if relative {
				var err error
				if target, err = filepath.Rel(filepath.Dir(filepath.Join(root, link)), user); err != nil {
					t.Fatal(err)
				}
			}
			filestest.Add(t, root, map[string]string{link: "-> " + target})
			if err := Enclose(root); err != nil {
				t.Fatal(err)
			}
			_, _ = Strip(root) // it may find no kernel
			if err := Relocate(root); err != nil {
				t.Errorf("%s: %v", link, err)
			}
			for name, content := range precious() {
				filestest.Want(t, filepath.Join(user, name), content)
			}
			if _, err := os.Stat(filepath.Join(root, link, "vmlinux")); err == nil {
				t.Errorf("%s still leads out", link)
			}
		}
	}
}

func TestLinksThatLeadNowhereAreRemoved(t *testing.T) {
	root := filestest.Tree(t, map[string]string{
		"lib/modules/1/modules.order":   "-> /dev/zero",
		"lib/modules/1/modules.builtin": "-> ../../../../../../../../../../dev/zero",
		"first":                         "-> second",
		"second":                        "-> lib/../..",
		"round":                         "-> round",
		"up":                            "-> missing/../../../etc/passwd", // it leads out once there is such a directory
		"through":                       "-> up/../first",
		"file":                          "content",
	})
	if err := unix.Mkfifo(filepath.Join(root, "lib/modules/1/modules.builtin.modinfo"), 0o644); err != nil {
		t.Fatal(err)
	}
	filestest.Add(t, root, map[string]string{"fifo": "-> lib/modules/1/modules.builtin.modinfo"})
	if err := Enclose(root); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"lib/modules/1", "."} {
		list, err := os.ReadDir(filepath.Join(root, dir))
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range list {
			if name := entry.Name(); name != "lib" && name != "file" {
				t.Errorf("%s is left", filepath.Join(dir, name))
			}
		}
	}
}

// TestLinksOfPackagesWork has links as packages of Debian, Fedora and Arch Linux have them.
func TestLinksOfPackagesWork(t *testing.T) {
	root := filestest.Tree(t, map[string]string{
		"lib":                                    "-> usr/lib",
		"bin":                                    "-> /usr/bin",
		"sbin":                                   "-> bin",
		"usr/bin/program":                        "a program",
		"usr/lib/modules/1/build":                "-> /usr/src/linux-headers-1",
		"usr/lib/modules/1/source":               "-> build",
		"usr/src/linux-headers-1/scripts":        "-> ../../../lib/linux-kbuild-1/scripts",
		"usr/src/linux-headers-1/tools":          "-> /lib/linux-kbuild-1/tools",
		"usr/src/linux-headers-1/absolute":       "-> /../sbin/program",
		"usr/lib/linux-kbuild-1/scripts/modpost": "modpost",
		"usr/lib/linux-kbuild-1/tools/objtool":   "objtool",
	})
	moved := filepath.Join(t.TempDir(), "moved")
	for range 2 { // the second time, there is nothing to do
		if err := Enclose(root); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Rename(root, moved); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"sbin/program": "a program", "lib/modules/1/source/scripts/modpost": "modpost", "lib/modules/1/build/tools/objtool": "objtool",
		"lib/modules/1/build/absolute": "a program",
	} {
		filestest.Want(t, filepath.Join(moved, name), content)
	}
}

// TestRelativeLinkIsNotMoved: beside another directory, it would lead elsewhere.
func TestRelativeLinkIsNotMoved(t *testing.T) {
	root := filestest.Tree(t, map[string]string{
		"lib/modules/1/vmlinuz": "-> ../../../file", "lib/modules/2/vmlinuz/out": "-> ../../../../file", "boot/vmlinux-3": "-> ../file",
		"file": "content", "boot/vmlinuz-4": "kernel",
	})
	if err := Enclose(root); err != nil {
		t.Fatal(err)
	}
	if release, err := Strip(root); release != "4" || err != nil {
		t.Errorf("got %q, %v", release, err)
	}
}
