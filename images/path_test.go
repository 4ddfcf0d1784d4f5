package images

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kmodtest/kmodtest/images/arch"
	"github.com/kmodtest/kmodtest/images/internal/bootimage/bootimagetest"
	"github.com/kmodtest/kmodtest/images/internal/files/filestest"
)

// builtTree returns the files of a minimal build tree.
func builtTree() map[string]string {
	return map[string]string{
		"Makefile":                      "# made up\n",
		".config":                       "CONFIG_MODULES=y\n",
		"include/config/kernel.release": "6.1.9-test\n",
		"Module.symvers":                "",
		"scripts/mod/modpost":           "",
		"modules.order":                 "",
		"arch/x86/boot/bzImage":         string(bootimagetest.Image("6.1.9-test")),
		"vmlinux":                       "\x7fELF",
	}
}

// installed returns the files of a minimal directory with an installed kernel.
func installed(release string) map[string]string {
	return map[string]string{
		"boot/vmlinuz-" + release:                        string(bootimagetest.Image(release)),
		"lib/modules/" + release + "/modules.dep":        "",
		"lib/modules/" + release + "/build":              "-> /usr/src/linux-headers-" + release,
		"usr/src/linux-headers-" + release + "/Makefile": "# made up\n",
		"usr/src/linux-headers-" + release + "/.config":  "",
	}
}

func resolveIn(t *testing.T, path string) (*Kernel, error) {
	t.Helper()
	return Resolve(t.Context(), path, Options{Cache: filepath.Join(t.TempDir(), "cache")})
}

func assertKernel(t *testing.T, path string, want Kernel) *Kernel {
	t.Helper()
	got, err := resolveIn(t, path)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Key) != 64 {
		t.Errorf("key %q is not a hash", got.Key)
	}
	want.Name, want.Key = path, got.Key
	if *got != want {
		t.Errorf("got  %+v\nwant %+v", *got, want)
	}
	return got
}

func TestBuildTree(t *testing.T) {
	tree := filestest.Tree(t, builtTree())
	vmlinux, image := filepath.Join(tree, "vmlinux"), filepath.Join(tree, "arch/x86/boot/bzImage")
	assertKernel(t, tree, Kernel{Arch: arch.Host().Name, Release: "6.1.9-test", Image: image, Boot: image, Build: tree})
	assertKernel(t, image, Kernel{Arch: arch.Host().Name, Release: "6.1.9-test", Image: image, Boot: image, Build: tree})
	assertKernel(t, vmlinux, Kernel{Arch: arch.Host().Name, Release: "6.1.9-test", Image: vmlinux, Boot: vmlinux, Build: tree})
	if err := os.Remove(image); err != nil {
		t.Fatal(err)
	}
	assertKernel(t, tree, Kernel{Arch: arch.Host().Name, Release: "6.1.9-test", Image: vmlinux, Boot: vmlinux, Build: tree})
}

func TestRelativePath(t *testing.T) {
	tree := filestest.Tree(t, builtTree())
	t.Chdir(tree)
	assertKernel(t, ".", Kernel{Arch: arch.Host().Name, Release: "6.1.9-test", Image: filepath.Join(tree, "arch/x86/boot/bzImage"), Boot: filepath.Join(tree, "arch/x86/boot/bzImage"), Build: tree})
}

func TestIncompleteBuildTree(t *testing.T) {
	for missing, says := range map[string]string{
		"include/config/kernel.release": "make -C",
		"Module.symvers":                "CONFIG_MODULES=y",
		"scripts/mod/modpost":           "make -C",
	} {
		files := builtTree()
		delete(files, missing)
		assertRefused(t, filestest.Tree(t, files), says)
	}
	none := builtTree()
	delete(none, "vmlinux")
	delete(none, "arch/x86/boot/bzImage")
	assertRefused(t, filestest.Tree(t, none), "no kernel image")

	older := builtTree()
	older["arch/x86/boot/bzImage"] = string(bootimagetest.Image("6.1.8-test"))
	assertRefused(t, filestest.Tree(t, older), "6.1.8-test")

	without := builtTree()
	without["modules.order"] = "net/there.ko\nnet/missing.o\n"
	without["net/there.ko"] = ""
	assertRefused(t, filestest.Tree(t, without), "net/missing.ko is not built")
}

func assertRefused(t *testing.T, path, says string) {
	t.Helper()
	got, err := resolveIn(t, path)
	if err == nil {
		t.Errorf("got %+v, want an error that contains %q", *got, says)
	} else if !strings.Contains(err.Error(), says) {
		t.Errorf("got error %q, want it to contain %q", err, says)
	}
}

func TestKeyChangesWithTree(t *testing.T) {
	files := builtTree()
	files["include/linux/module.h"] = "old"
	tree := filestest.Tree(t, files)
	key := func() string {
		kernel, err := resolveIn(t, tree)
		if err != nil {
			t.Fatal(err)
		}
		return kernel.Key
	}
	before := key()
	if key() != before {
		t.Fatal("the key changed although the tree did not")
	}
	for _, name := range []string{
		"arch/x86/boot/bzImage", ".config", "Module.symvers", "include/linux/module.h", "include/linux/new.h", "scripts/mod/modpost",
	} {
		path := filepath.Join(tree, name)
		content := []byte("new")
		if strings.HasSuffix(name, "bzImage") {
			content = append([]byte(files[name]), "more"...)
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
		// Setting the modification time back makes no difference.
		if err := os.Chtimes(path, time.Unix(0, 0), time.Unix(0, 0)); err != nil {
			t.Fatal(err)
		}
		after := key()
		if after == before {
			t.Errorf("a change of %s did not change the key", name)
		}
		before = after
	}
}

func TestBuildTreeForAnotherArchitecture(t *testing.T) {
	files := builtTree()
	files["include/config/auto.conf"] = "# made up\nCONFIG_ARM64=y\n"
	files["arch/arm64/boot/Image"] = "image"
	tree := filestest.Tree(t, files)
	image := filepath.Join(tree, "arch/arm64/boot/Image")
	for _, path := range []string{tree, image} {
		assertKernel(t, path, Kernel{Arch: "arm64", Release: "6.1.9-test", Image: image, Boot: image, Build: tree})
	}
	if err := os.Remove(image); err != nil {
		t.Fatal(err)
	}
	assertRefused(t, tree, "no kernel image") // an x86 machine could boot vmlinux
}

func TestInstalledKernel(t *testing.T) {
	root := filestest.Tree(t, installed("6.1.9-a"))
	image := filepath.Join(root, "boot/vmlinuz-6.1.9-a")
	want := Kernel{
		Arch:    arch.Host().Name,
		Release: "6.1.9-a",
		Image:   image,
		Boot:    image,
		Build:   filepath.Join(root, "usr/src/linux-headers-6.1.9-a"),
		Modules: filepath.Join(root, "lib/modules/6.1.9-a"),
	}
	assertKernel(t, root, want)
	assertKernel(t, root+"/", want)
	assertKernel(t, image, want)
}

func TestInstalledKernelWithLinks(t *testing.T) {
	files := installed("6.1.9-a")
	files["boot/vmlinuz"] = "-> vmlinuz-6.1.9-a"
	files["boot/vmlinuz.old"] = "-> vmlinuz-6.1.8-removed"
	root := filestest.Tree(t, files)
	kernel, err := resolveIn(t, root)
	if err != nil || kernel.Boot != filepath.Join(root, "boot/vmlinuz-6.1.9-a") {
		t.Fatalf("got %+v, %v", kernel, err)
	}
}

func TestSeveralInstalledKernelsRequireChoice(t *testing.T) {
	files := installed("6.1.9-a")
	maps.Copy(files, installed("6.1.9-b"))
	root := filestest.Tree(t, files)
	a, b := filepath.Join(root, "boot/vmlinuz-6.1.9-a"), filepath.Join(root, "boot/vmlinuz-6.1.9-b")
	assertRefused(t, root, a+", "+b)
	if kernel, err := resolveIn(t, b); err != nil || kernel.Release != "6.1.9-b" {
		t.Errorf("got %+v, %v", kernel, err)
	}
}

func TestIncompleteInstalledKernel(t *testing.T) {
	headers := installed("6.1.9-a")
	delete(headers, "usr/src/linux-headers-6.1.9-a/Makefile")
	assertRefused(t, filestest.Tree(t, headers), "install the headers")
	assertRefused(t, filestest.Tree(t, map[string]string{"boot/vmlinuz-6.1.9-a": string(bootimagetest.Image("6.1.9-a"))}), "lib/modules/6.1.9-a")
}

func TestPathsWithoutKernel(t *testing.T) {
	root := filestest.Tree(t, map[string]string{"file": "text"})
	assertRefused(t, root, "neither a kernel build tree")
	assertRefused(t, filepath.Join(root, "file"), "neither boot/vmlinuz-RELEASE")
	assertRefused(t, filepath.Join(root, "not"), "5.10, 6.1, 6.12")
	headers := builtTree()
	delete(headers, "vmlinux")
	delete(headers, "arch/x86/boot/bzImage")
	assertRefused(t, filestest.Tree(t, headers), "package of headers")
}
