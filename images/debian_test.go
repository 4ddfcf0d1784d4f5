package images

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kmodtest/kmodtest/images/internal/apt"
)

// These tests fetch from the mirror that apt is configured with, into the user's cache; the next run finds it there.

func TestEveryFetchedKernelIsOneThatModulesBuildAgainst(t *testing.T) {
	for _, row := range Rows() {
		if row.Debian == nil {
			continue // built, which takes long: rows_build_test.go
		}
		t.Run(row.Name, func(t *testing.T) {
			t.Parallel()
			kernel, err := Resolve(t.Context(), row.Name, Options{Progress: os.Stderr})
			if err != nil {
				t.Fatal(err)
			}
			assertComplete(t, kernel)
			if !strings.HasPrefix(kernel.Release, row.Name+".") || !strings.HasPrefix(kernel.Version, row.Name+".") {
				t.Errorf("release %s, version %s", kernel.Release, kernel.Version)
			}
			assertBuilds(t, kernel)
			assertUnknownSymbolIsRefused(t, kernel)
		})
	}
}

// assertUnknownSymbolIsRefused builds a module that calls what no kernel has.
func assertUnknownSymbolIsRefused(t *testing.T, kernel *Kernel) {
	t.Helper()
	module := makeTree(t, map[string]string{
		"Makefile": "obj-m := hello.o\n",
		"hello.c": "#include <linux/module.h>\nint nobody_has_this(void);\nstatic int __init hello_init(void) { return nobody_has_this(); }\n" +
			"module_init(hello_init);\nMODULE_DESCRIPTION(\"asks too much\");\nMODULE_LICENSE(\"GPL\");\n",
	})
	out, err := exec.CommandContext(t.Context(), "make", "-s", "-C", kernel.Build, "CC=gcc", "M="+module, "modules").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "nobody_has_this") || !strings.Contains(string(out), "undefined!") {
		t.Errorf("make: %v\n%s\nwant that it says nobody_has_this is undefined", err, out)
	}
}

// assertComplete fails the test unless the kernel's files are what its fields say.
func assertComplete(t *testing.T, kernel *Kernel) {
	t.Helper()
	if release, err := imageRelease(kernel.Image); err != nil || release != kernel.Release {
		t.Errorf("the image is of release %q, %v, want %q", release, err, kernel.Release)
	}
	if len(kernel.Key) != 64 {
		t.Errorf("key %q is no hash", kernel.Key)
	}
	dep, err := os.ReadFile(filepath.Join(kernel.Modules, "modules.dep"))
	if err != nil {
		t.Fatal(err)
	}
	module, _, _ := strings.Cut(string(dep), ":")
	if !isFile(filepath.Join(kernel.Modules, module)) {
		t.Errorf("modules.dep names %q, which is not there", module)
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
		t.Errorf("the build directory is broken: %v", err)
	}
}

// assertBuilds builds a module against the kernel, and wants not one word of warning.
func assertBuilds(t *testing.T, kernel *Kernel) {
	t.Helper()
	module := makeTree(t, map[string]string{
		"Makefile": "obj-m := hello.o\n",
		"hello.c": "#include <linux/module.h>\nstatic int __init hello_init(void) { return 0; }\nmodule_init(hello_init);\n" +
			"MODULE_DESCRIPTION(\"does nothing\");\nMODULE_LICENSE(\"GPL\");\n",
	})
	before := countFiles(t, kernel.Build)
	makeModule := exec.CommandContext(t.Context(), "make", "-s", "-C", kernel.Build, "CC=gcc", "M="+module, "W=1", "modules")
	out, err := makeModule.CombinedOutput()
	if err != nil {
		t.Fatalf("make: %v\n%s", err, out)
	}
	said, compilerDiffers := "", false
	for line := range strings.Lines(string(out)) {
		// The one thing that may be said: it takes three or four lines, each indented but for the first.
		compilerDiffers = strings.Contains(line, "the compiler differs") || compilerDiffers && strings.HasPrefix(line, "  ")
		if !compilerDiffers {
			said += line
		}
	}
	if said != "" {
		t.Errorf("make says:\n%s", said)
	}
	built, err := os.ReadFile(filepath.Join(module, "hello.ko"))
	if err != nil || !bytes.Contains(built, []byte("vermagic="+kernel.Release+" ")) {
		t.Errorf("the module is not for release %s: %v", kernel.Release, err)
	}
	if after := countFiles(t, kernel.Build); after != before {
		t.Errorf("the build directory had %d files and now has %d", before, after)
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
	cancel() // no program can be run any more, nor a lock be waited for
	second, err := Resolve(ended, "", Options{Progress: failingWriter{t}})
	if err != nil || *second != *first {
		t.Fatalf("got %+v, %v, want %+v", second, err, first)
	}
}

// failingWriter fails the test when something is written.
type failingWriter struct{ t *testing.T }

func (w failingWriter) Write(p []byte) (int, error) {
	w.t.Errorf("said %q", p)
	return len(p), nil
}

// TestInterruptedFetchLeavesNothing cancels when the line that says what is being fetched is written.
func TestInterruptedFetchLeavesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	_, err := Resolve(ctx, "6.12", Options{Cache: dir, Progress: writerFunc(func() {
		// From here on apt-get is about to run, or runs.
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

// writerFunc is called when something is written for the first time.
func writerFunc(first func()) *onceWriter { return &onceWriter{do: first} }

type onceWriter struct {
	once sync.Once
	do   func()
}

func (w *onceWriter) Write(p []byte) (int, error) {
	w.once.Do(w.do)
	return len(p), nil
}

func TestMirrorThatIsNotThereIsNamed(t *testing.T) {
	t.Setenv("KMODTEST_MIRROR", "file:/nonexistent/debian")
	_, err := Resolve(t.Context(), "", Options{Cache: t.TempDir()})
	if err == nil || !strings.Contains(err.Error(), "file:/nonexistent/debian") {
		t.Fatalf("got %v", err)
	}
}

func TestNoMirrorOfDebianNamesTheVariable(t *testing.T) {
	config := filepath.Join(t.TempDir(), "apt.conf")
	if err := os.WriteFile(config, []byte("Dir::Etc::sourcelist \"/dev/null\"; Dir::Etc::sourceparts \"/dev/null\";\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv("APT_CONFIG", config)
	t.Setenv("KMODTEST_MIRROR", "")
	_, err := Resolve(t.Context(), "", Options{Cache: t.TempDir()})
	if !errors.Is(err, apt.ErrNoMirror) || !strings.Contains(err.Error(), "KMODTEST_MIRROR") {
		t.Fatalf("got %v, want ErrNoMirror and what to set", err)
	}
}

func TestCacheThatMakeCannotUseIsRefused(t *testing.T) {
	_, err := Resolve(t.Context(), "", Options{Cache: filepath.Join(t.TempDir(), "a b"), Mirror: "file:/nonexistent"})
	if err == nil || !strings.Contains(err.Error(), "XDG_CACHE_HOME") {
		t.Fatalf("got %v", err)
	}
}

// TestUnpackedPackagesAreAKernel uses packages as they are unpacked: with absolute paths, and without modules.dep.
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
	if isFile(filepath.Join(root, "lib/modules", kernel.Release, "modules.dep")) {
		t.Error("modules.dep was written where the user's packages are")
	}
	again, err := Resolve(t.Context(), root, Options{Cache: cache})
	if err != nil || *again != *kernel {
		t.Errorf("the second time got %+v, %v", again, err)
	}
}

// copyAsUnpacked undoes, in a copy of a row's entry, what was done to its packages after unpacking.
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
			continue // came with the package
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/usr/src/linux-headers-"+row.Release, link); err != nil {
		t.Fatal(err)
	}
	makefile := filepath.Join(root, "usr/src/linux-headers-"+row.Release, "Makefile")
	err = rewrite(makefile, func(text []byte) []byte {
		return bytes.Replace(text, []byte("$(dir $(lastword $(MAKEFILE_LIST)))../"), []byte("/usr/src/"), 1)
	})
	if err != nil {
		t.Fatal(err)
	}
	return root
}

// TestBuildTreeWithModulesIsAKernel makes a tree from a row's kernel: its headers with an image and two modules.
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
		order += module + ".o\n" // as newer versions list them
		if err := copyFile(filepath.Join(row.Modules, "kernel", module+".ko"), filepath.Join(tree, module+".ko")); err != nil {
			t.Fatal(err)
		}
	}
	if err := copyFile(row.Image, filepath.Join(tree, "arch/x86/boot/bzImage")); err != nil {
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
