package images

import (
	"bytes"
	"context"
	"debug/elf"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kmodtest/kmodtest/images/arch"
	"github.com/kmodtest/kmodtest/images/internal/bootimage"
	"github.com/kmodtest/kmodtest/images/internal/files"
	"github.com/kmodtest/kmodtest/images/internal/files/filestest"
)

// These tests fetch from the mirror in apt's configuration into the user's cache, which the next run
// uses.

func TestModulesBuildAgainstFetchedKernels(t *testing.T) {
	for _, row := range Rows() {
		if row.Apt == nil || row.Extra {
			continue // built from source: rows_build_test.go; or larger than the others together
		}
		t.Run(row.Name, func(t *testing.T) {
			t.Parallel()
			kernel, err := Resolve(t.Context(), row.Name, Options{Progress: os.Stderr})
			if err != nil {
				t.Fatal(err)
			}
			assertComplete(t, kernel)
			if !strings.HasPrefix(kernel.Release, row.base()+".") || !strings.HasPrefix(kernel.Version, row.base()+".") || kernel.Arch != row.Arch {
				t.Errorf("release %s, version %s, architecture %s", kernel.Release, kernel.Version, kernel.Arch)
			}
			assertBuilds(t, kernel)
			assertUnknownSymbolIsRefused(t, kernel)
		})
	}
}

// makeModule returns the command that builds a module with this system's compilers.
func makeModule(t *testing.T, kernel *Kernel, module string, variables ...string) *exec.Cmd {
	t.Helper()
	target, err := arch.Find(kernel.Arch)
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"-s", "-C", kernel.Build, "CROSS_COMPILE=" + target.Prefix(), "CC=" + target.Prefix() + "gcc", "M=" + module, "modules"}
	return exec.CommandContext(t.Context(), "make", append(args, variables...)...)
}

// assertUnknownSymbolIsRefused builds a module that calls a function that no kernel has.
func assertUnknownSymbolIsRefused(t *testing.T, kernel *Kernel) {
	t.Helper()
	module := filestest.Tree(t, map[string]string{
		"Makefile": "obj-m := hello.o\n",
		"hello.c": "#include <linux/module.h>\nint nobody_has_this(void);\nstatic int __init hello_init(void) { return nobody_has_this(); }\n" +
			"module_init(hello_init);\nMODULE_DESCRIPTION(\"calls an unknown function\");\nMODULE_LICENSE(\"GPL\");\n",
	})
	out, err := makeModule(t, kernel, module).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "nobody_has_this") || !strings.Contains(string(out), "undefined!") {
		t.Errorf("make: %v\n%s\nwant an error that nobody_has_this is undefined", err, out)
	}
}

// assertComplete fails the test unless the kernel's files match its fields.
func assertComplete(t *testing.T, kernel *Kernel) {
	t.Helper()
	release, err := bootimage.Release(kernel.Image)
	if kernel.Arch == "amd64" && (err != nil || release != kernel.Release) {
		t.Errorf("the image has release %q, %v, want %q", release, err, kernel.Release)
	}
	if len(kernel.Key) != 64 {
		t.Errorf("key %q is not a hash", kernel.Key)
	}
	dep, err := os.ReadFile(filepath.Join(kernel.Modules, "modules.dep"))
	if err != nil {
		t.Fatal(err)
	}
	module, _, _ := strings.Cut(string(dep), ":")
	if !files.Is(filepath.Join(kernel.Modules, module)) {
		t.Errorf("modules.dep lists %q, which does not exist", module)
	}
	assertNoBrokenLinks(t, kernel.Build)
}

func assertNoBrokenLinks(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type() == fs.ModeSymlink {
			_, err = os.Stat(path)
		}
		return err
	})
	if err != nil {
		t.Errorf("the build directory has a broken link: %v", err)
	}
}

// assertBuilds builds a module against the kernel, and fails the test if make prints anything.
func assertBuilds(t *testing.T, kernel *Kernel) {
	t.Helper()
	module := filestest.Tree(t, map[string]string{
		"Makefile": "obj-m := hello.o\n",
		"hello.c": "#include <linux/module.h>\nstatic int __init hello_init(void) { return 0; }\nmodule_init(hello_init);\n" +
			"MODULE_DESCRIPTION(\"does nothing\");\nMODULE_LICENSE(\"GPL\");\n",
	})
	before := countFiles(t, kernel.Build)
	out, err := makeModule(t, kernel, module, "W=1").CombinedOutput()
	if err != nil {
		t.Fatalf("make: %v\n%s", err, out)
	}
	output, compilerDiffers := "", false
	for line := range strings.Lines(string(out)) {
		// The only warning allowed has three or four lines, all but the first indented.
		compilerDiffers = strings.Contains(line, "the compiler differs") || compilerDiffers && strings.HasPrefix(line, "  ")
		if !compilerDiffers {
			output += line
		}
	}
	if output != "" {
		t.Errorf("make printed:\n%s", output)
	}
	built, err := os.ReadFile(filepath.Join(module, "hello.ko"))
	if err != nil || !bytes.Contains(built, []byte("vermagic="+kernel.Release+" ")) {
		t.Errorf("the module is not for release %s: %v", kernel.Release, err)
	}
	if got, err := elf.NewFile(bytes.NewReader(built)); err != nil {
		t.Error(err)
	} else if want, err := arch.Find(kernel.Arch); err != nil || got.Machine != want.ELF || got.ByteOrder != want.Order {
		t.Errorf("the module is for %v, %v; want %v", got.Machine, got.ByteOrder, want.ELF)
	}
	if after := countFiles(t, kernel.Build); after != before {
		t.Errorf("the build directory had %d files before the build and %d after", before, after)
	}
}

func countFiles(t *testing.T, dir string) int {
	t.Helper()
	n := 0
	if err := filepath.WalkDir(dir, func(_ string, _ fs.DirEntry, err error) error { n++; return err }); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestSecondResolveRunsNothing(t *testing.T) {
	first, err := Resolve(t.Context(), "", Options{})
	if err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel() // no program can run and no lock can be waited for
	second, err := Resolve(ended, "", Options{Progress: failingWriter{t}})
	if err != nil || *second != *first {
		t.Fatalf("got %+v, %v, want %+v", second, err, first)
	}
}

// failingWriter fails the test if anything is written.
type failingWriter struct{ t *testing.T }

func (w failingWriter) Write(p []byte) (int, error) {
	w.t.Errorf("got output %q", p)
	return len(p), nil
}

// TestInterruptedFetchLeavesNothing cancels after the first line of progress.
func TestInterruptedFetchLeavesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	_, err := Resolve(ctx, "6.12", Options{Cache: dir, Progress: writerFunc(func() {
		// apt-get runs or is about to run.
		time.AfterFunc(200*time.Millisecond, cancel)
	})})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want context canceled", err)
	}
	list, err := os.ReadDir(filepath.Join(dir, "kernels"))
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range list {
		if !strings.HasSuffix(entry.Name(), ".lock") {
			t.Errorf("%s is left", entry.Name())
		}
	}
}

// writerFunc returns a writer that calls first at the first write.
func writerFunc(first func()) *onceWriter { return &onceWriter{do: first} }

type onceWriter struct {
	once sync.Once
	do   func()
}

func (w *onceWriter) Write(p []byte) (int, error) {
	w.once.Do(w.do)
	return len(p), nil
}

func TestMissingMirrorIsNamed(t *testing.T) {
	t.Setenv("KMODTEST_MIRROR", "file:/nonexistent/debian")
	_, err := Resolve(t.Context(), "", Options{Cache: t.TempDir()})
	if err == nil || !strings.Contains(err.Error(), "file:/nonexistent/debian") {
		t.Fatalf("got %v", err)
	}
}

// TestUnpackedPackagesAreAKernel uses packages as dpkg-deb unpacks them: with absolute paths, and
// without modules.dep.
func TestUnpackedPackagesAreAKernel(t *testing.T) {
	t.Parallel()
	row, err := Resolve(t.Context(), "", Options{})
	if err != nil {
		t.Fatal(err)
	}
	root := copyAsUnpacked(t, row)
	cache := filepath.Join(t.TempDir(), "cache")
	kernel, err := Resolve(t.Context(), root, Options{Cache: cache})
	if err != nil {
		t.Fatal(err)
	}
	assertComplete(t, kernel)
	assertBuilds(t, kernel)
	for _, made := range []string{kernel.Build, kernel.Modules} {
		if !strings.HasPrefix(made, cache) {
			t.Errorf("%s is not in the cache", made)
		}
	}
	if files.Is(filepath.Join(root, "lib/modules", kernel.Release, "modules.dep")) {
		t.Error("modules.dep was written into the user's packages")
	}
	again, err := Resolve(t.Context(), root, Options{Cache: cache})
	if err != nil || *again != *kernel {
		t.Errorf("the second time got %+v, %v", again, err)
	}
}

// copyAsUnpacked copies a row's entry and undoes the changes that were made after unpacking its packages.
func copyAsUnpacked(t *testing.T, row *Kernel) string {
	t.Helper()
	root := t.TempDir()
	entry := strings.TrimSuffix(row.Image, "/boot/vmlinuz-"+row.Release)
	if err := os.CopyFS(root, os.DirFS(entry)); err != nil {
		t.Fatal(err)
	}
	lists, err := filepath.Glob(filepath.Join(root, "lib/modules", row.Release, "modules.*"))
	if err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(root, "lib/modules", row.Release, "build")
	for _, path := range append(lists, link) {
		name := filepath.Base(path)
		if name == "modules.order" || strings.HasPrefix(name, "modules.builtin") && !strings.HasSuffix(name, ".bin") {
			continue // part of the package
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/usr/src/linux-headers-"+row.Release, link); err != nil {
		t.Fatal(err)
	}
	makefile := filepath.Join(root, "usr/src/linux-headers-"+row.Release, "Makefile")
	text, err := os.ReadFile(makefile)
	if err == nil {
		text = bytes.Replace(text, []byte("$(dir $(lastword $(MAKEFILE_LIST)))../"), []byte("/usr/src/"), 1)
		err = os.WriteFile(makefile, text, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// TestBuildTreeWithModulesIsAKernel makes a tree from a row's kernel: its headers, its image and three
// modules.
func TestBuildTreeWithModulesIsAKernel(t *testing.T) {
	t.Parallel()
	row, err := Resolve(t.Context(), "", Options{})
	if err != nil {
		t.Fatal(err)
	}
	tree := copyAsTree(t, row, "drivers/net/virtio_net", "net/core/failover", "drivers/net/net_failover")
	kernel, err := Resolve(t.Context(), tree, Options{Cache: filepath.Join(t.TempDir(), "cache")})
	if err != nil {
		t.Fatal(err)
	}
	assertComplete(t, kernel)
	assertBuilds(t, kernel)
	dep, err := os.ReadFile(filepath.Join(kernel.Modules, "modules.dep"))
	if err != nil || !strings.Contains(string(dep),
		"kernel/drivers/net/virtio_net.ko: kernel/drivers/net/net_failover.ko kernel/net/core/failover.ko") {
		t.Errorf("got %v, modules.dep:\n%s", err, dep)
	}
}

func copyAsTree(t *testing.T, row *Kernel, modules ...string) string {
	t.Helper()
	tree := t.TempDir()
	if err := os.CopyFS(tree, os.DirFS(row.Build)); err != nil {
		t.Fatal(err)
	}
	for _, link := range []string{"scripts", "tools"} {
		target, err := filepath.EvalSymlinks(filepath.Join(row.Build, link))
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(os.Remove(filepath.Join(tree, link)), os.Symlink(target, filepath.Join(tree, link))); err != nil {
			t.Fatal(err)
		}
	}
	order := ""
	for _, module := range modules {
		order += module + ".o\n" // like newer versions
		if err := files.Copy(filepath.Join(row.Modules, "kernel", module+".ko"), filepath.Join(tree, module+".ko")); err != nil {
			t.Fatal(err)
		}
	}
	if err := files.Copy(row.Image, filepath.Join(tree, "arch/x86/boot/bzImage")); err != nil {
		t.Fatal(err)
	}
	common := filepath.Join(filepath.Dir(row.Build), strings.TrimSuffix(filepath.Base(row.Build), "-cloud-amd64")+"-common")
	for name, content := range map[string]string{
		"modules.order":                 order,
		"modules.builtin":               "",
		"include/config/kernel.release": row.Release + "\n",
		"Makefile":                      "include " + common + "/Makefile\n",
	} {
		if err := os.WriteFile(filepath.Join(tree, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return tree
}
