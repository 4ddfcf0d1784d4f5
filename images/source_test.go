package images

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/images/internal/bootimage/bootimagetest"
	"github.com/kmodtest/kmodtest/images/internal/files"
	"github.com/kmodtest/kmodtest/images/internal/files/filestest"
	"github.com/kmodtest/kmodtest/images/internal/kconfig"
	"github.com/kmodtest/kmodtest/images/internal/kernelbuild"
)

// madeUpKernel returns a tree that make builds in a moment, and that produces the files of a real kernel.
// Its Kconfig has a symbol that depends on another.
func madeUpKernel() map[string]string {
	return map[string]string{
		"Kconfig": "config MODULES\n\tbool\nconfig FIRST\n\tbool\nconfig SECOND\n\tbool\n\tdepends on FIRST\n",
		"Makefile": strings.Join([]string{
			"mrproper:; @rm -f .config old.o",
			"allnoconfig:",
			"\t@grep -q CONFIG_FIRST=y $(KCONFIG_ALLCONFIG) && cp $(KCONFIG_ALLCONFIG) .config || grep -v SECOND $(KCONFIG_ALLCONFIG) > .config",
			"\t$(MEANWHILE)",
			"vmlinux:",
			"\t@mkdir -p include/config include/linux scripts/mod; echo 9.9.0-test > include/config/kernel.release",
			"\t@for i in one two three; do echo \"  CC      $$i.o\"; echo object > $$i.o; done; cp one.o scripts/mod/",
			"\t@echo header > include/linux/module.h; echo tool > scripts/mod/modpost",
			"\t@echo line >> $(or $(COUNT),/dev/null)",
			"\t$(EXTRA)",
			"\t@cp kernel.elf vmlinux",
			"modules: vmlinux; @echo symbols > Module.symvers; echo kernel/drivers/virtio/virtio_pci.ko > modules.builtin; : > modules.order",
			"bzImage:; @mkdir -p arch/x86/boot; echo image > arch/x86/boot/bzImage",
			"",
		}, "\n"),
		"kernel.elf": string(bootimagetest.Kernel(bootimagetest.PVHNote)),
		"old.o":      "from an earlier build",
	}
}

// project writes a module with a table. Its only kernel is built from the files in src.
func project(t *testing.T, source string, kernel map[string]string) string {
	t.Helper()
	all := map[string]string{
		"go.mod":       "module example.com/project\n",
		"kernels.toml": "[[kernel]]\nname = 'made-up'\n[kernel.source]\nfragments = ['own.config']\n" + source,
		"own.config":   "CONFIG_MODULES=y\nCONFIG_FIRST=y\n",
	}
	for name, content := range kernel {
		all["src/"+name] = content
	}
	return filestest.Tree(t, all)
}

// builder resolves the kernel of a project in its own cache.
type builder struct{ opt Options }

func newBuilder(t *testing.T, dir string) builder {
	t.Helper()
	return builder{Options{Dir: dir, Cache: filepath.Join(t.TempDir(), "cache")}}
}

func (b builder) build(ctx context.Context) (*Kernel, error) { return Resolve(ctx, "made-up", b.opt) }

// wantNothingKept fails the test if the cache has an entry for a kernel or its sources.
func (b builder) wantNothingKept(t *testing.T) {
	t.Helper()
	for _, dir := range []string{"kernels", "sources"} {
		list, err := os.ReadDir(filepath.Join(b.opt.Cache, dir))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		for _, entry := range list {
			if !strings.HasSuffix(entry.Name(), ".lock") {
				t.Errorf("%s/%s is left", dir, entry.Name())
			}
		}
	}
}

func wantError(t *testing.T, err error, says ...string) {
	t.Helper()
	for _, s := range says {
		if err == nil || !strings.Contains(err.Error(), s) {
			t.Errorf("got %v, want an error that contains %q", err, s)
		}
	}
}

func TestKernelIsBuiltFromADirectory(t *testing.T) {
	dir := project(t, "path = 'src'\n", madeUpKernel())
	b := newBuilder(t, dir)
	kernel, err := b.build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if kernel.Name != "made-up" || kernel.Release != "9.9.0-test" || kernel.Image != kernel.Boot {
		t.Errorf("got %+v", kernel)
	}
	filestest.Want(t, kernel.Boot, string(bootimagetest.Kernel(bootimagetest.PVHNote)))
	filestest.Want(t, filepath.Join(kernel.Build, ".config"), "CONFIG_MODULES=y\nCONFIG_FIRST=y\n")
	filestest.Want(t, filepath.Join(kernel.Build, "include/linux/module.h"), "header\n")
	filestest.Want(t, filepath.Join(kernel.Build, "Module.symvers"), "symbols\n")
	filestest.Want(t, filepath.Join(kernel.Modules, "modules.builtin"), "kernel/drivers/virtio/virtio_pci.ko\n")
	filestest.Want(t, filepath.Join(kernel.Modules, "build/scripts/mod/modpost"), "tool\n")
	for _, name := range []string{"scripts/mod/one.o", "kernel.elf", "vmlinux"} {
		if files.Is(filepath.Join(kernel.Build, name)) {
			t.Errorf("%s is kept, but no build of modules reads it", name)
		}
	}
	if !files.Is(filepath.Join(dir, "src/old.o")) || files.Is(filepath.Join(dir, "src/vmlinux")) {
		t.Error("the user's own directory was changed")
	}
	r, err := readRecord(filepath.Dir(kernel.Build))
	if err != nil || r.Objects != 4 || r.Table != filepath.Join(dir, "kernels.toml") || r.Compiler == "" {
		t.Errorf("the record is %+v, %v", r, err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel() // no program can run with this context
	if again, err := b.build(ended); err != nil || *again != *kernel {
		t.Errorf("the second time %+v, %v", again, err)
	}
	filestest.Add(t, dir, map[string]string{"src/kernel.elf": string(bootimagetest.Kernel(bootimagetest.PVHNote)) + "changed"})
	changed, err := b.build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if changed.Key == kernel.Key || changed.Boot == kernel.Boot {
		t.Error("a changed source did not change the kernel")
	}
}

func TestKernelWithoutPVHBootsAsImage(t *testing.T) {
	kernelFiles := madeUpKernel()
	kernelFiles["kernel.elf"] = string(bootimagetest.Kernel(bootimagetest.PVHNote + 1))
	kernel, err := newBuilder(t, project(t, "path = 'src'\n", kernelFiles)).build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	filestest.Want(t, kernel.Boot, "image\n")
}

func TestKernelIsBuiltFromACommit(t *testing.T) {
	dir := project(t, "path = 'src'\nref = 'v1'\n", madeUpKernel())
	git := func(args ...string) string {
		out := runIn(t, filepath.Join(dir, "src"), nil, "git", append([]string{"-c", "user.name=a", "-c", "user.email=a@b"}, args...)...)
		return strings.TrimSpace(string(out))
	}
	git("init", "-q")
	b := newBuilder(t, dir)
	_, err := b.build(t.Context())
	wantError(t, err, "find v1 in "+filepath.Join(dir, "src"))
	git("add", ".")
	git("commit", "-q", "-m", "one")
	git("tag", "v1")
	filestest.Add(t, dir, map[string]string{"src/kernel.elf": "not committed"})
	kernel, err := b.build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	filestest.Want(t, kernel.Boot, string(bootimagetest.Kernel(bootimagetest.PVHNote)))
	if commit := git("rev-parse", "v1"); kernel.Version != commit[:12] {
		t.Errorf("got version %q for commit %s", kernel.Version, commit)
	}
}

func TestLineWithoutEffectIsNamed(t *testing.T) {
	dir := project(t, "path = 'src'\n", madeUpKernel())
	filestest.Add(t, dir, map[string]string{"own.config": "CONFIG_MODULES=y\n\nCONFIG_SECOND=y\n"})
	b := newBuilder(t, dir)
	_, err := b.build(t.Context())
	var lost *kconfig.LostError
	if !errors.As(err, &lost) {
		t.Fatalf("got %v", err)
	}
	wantError(t, err, filepath.Join(dir, "own.config")+":3", "CONFIG_SECOND=y", "depends on FIRST (now FIRST=n)")
	b.wantNothingKept(t)

	filestest.Add(t, dir, map[string]string{"own.config": "CONFIG_FIRST=y\n"})
	if _, err := b.build(t.Context()); !errors.Is(err, kernelbuild.ErrNoModules) {
		t.Errorf("got %v", err)
	}
}

func TestSourcesThatChangeDuringBuildAreRefused(t *testing.T) {
	for _, changed := range []string{"own.config", "src/kernel.elf"} {
		dir := project(t, "path = 'src'\nvariables = ['MEANWHILE=test ! -e "+"$(CHANGED) || { echo CONFIG_SECOND=y; } >> $(CHANGED)']\n", madeUpKernel())
		path := filepath.Join(dir, changed)
		t.Setenv("CHANGED", path)
		b := newBuilder(t, dir)
		_, err := b.build(t.Context())
		wantError(t, err, "changed during the build")
		b.wantNothingKept(t)
		t.Setenv("CHANGED", "/nonexistent")
		if _, err := b.build(t.Context()); err != nil {
			t.Errorf("after a change of %s: %v", changed, err)
		}
	}
}

func TestFailedBuildShowsErrorsAndLog(t *testing.T) {
	kernelFiles := madeUpKernel()
	kernelFiles["broken.c"] = "int f(void) { return undeclared; }\n"
	b := newBuilder(t, project(t, "path = 'src'\nvariables = ['EXTRA=gcc -c broken.c']\n", kernelFiles))
	_, err := b.build(t.Context())
	var failed *BuildError
	if !errors.As(err, &failed) {
		t.Fatalf("got %v", err)
	}
	wantError(t, err, "broken.c:1:22: error:", "undeclared", failed.Log)
	log, err := os.ReadFile(failed.Log)
	if err != nil || !strings.Contains(string(log), "  CC      three.o") {
		t.Errorf("the log is %q, %v", log, err)
	}
	b.wantNothingKept(t)
}

func TestFullDiskIsReported(t *testing.T) {
	b := newBuilder(t, project(t, "path = 'src'\nvariables = ['EXTRA=cat kernel.elf > /dev/full']\n", madeUpKernel()))
	_, err := b.build(t.Context())
	if !errors.Is(err, unix.ENOSPC) {
		t.Errorf("got %v, want ENOSPC", err)
	}
	wantError(t, err, "the disk is full", "XDG_CACHE_HOME")
	b.wantNothingKept(t)
}

func TestTwoBuildsAtOnceAreOne(t *testing.T) {
	count := filepath.Join(t.TempDir(), "count")
	b := newBuilder(t, project(t, fmt.Sprintf("path = 'src'\nvariables = ['COUNT=%s', 'EXTRA=sleep 0.3']\n", count), madeUpKernel()))
	var wait sync.WaitGroup
	kernels := make([]*Kernel, 3)
	for i := range kernels {
		wait.Go(func() {
			kernel, err := b.build(t.Context())
			if err != nil {
				t.Error(err)
			}
			kernels[i] = kernel
		})
	}
	wait.Wait()
	filestest.Want(t, count, "line\n")
	for _, kernel := range kernels {
		if kernel == nil || *kernel != *kernels[0] {
			t.Errorf("got %+v, want %+v", kernel, kernels[0])
		}
	}
}

func TestInterruptedBuildIsRepeated(t *testing.T) {
	dir := t.TempDir()
	child, gate := filepath.Join(dir, "child"), filepath.Join(dir, "gate")
	wait := fmt.Sprintf("if [ ! -e %s ]; then sleep 1000 & echo $$! > %s; wait; fi", gate, child)
	b := newBuilder(t, project(t, fmt.Sprintf("path = 'src'\nvariables = ['EXTRA=%s']\n", wait), madeUpKernel()))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		for ctx.Err() == nil {
			if text, err := os.ReadFile(child); err == nil && strings.HasSuffix(string(text), "\n") {
				cancel()
			}
			time.Sleep(5 * time.Millisecond)
		}
	}()
	if _, err := b.build(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	b.wantNothingKept(t)
	text, err := os.ReadFile(child)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	left := func() bool { state := stateOf(pid); return state != "" && state != "Z" }
	for deadline := time.Now().Add(10 * time.Second); left(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("a process that make started still exists, in state %s", stateOf(pid))
		}
	}
	if err := os.WriteFile(gate, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	kernel, err := b.build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	filestest.Want(t, kernel.Boot, string(bootimagetest.Kernel(bootimagetest.PVHNote)))
}

// stateOf returns the letter of a process's state, or "" if the process does not exist.
func stateOf(pid int) string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, ok := strings.Cut(string(text), ") ")
	if err != nil || !ok {
		return ""
	}
	return rest[:1]
}

func TestMissingProgramsNameTheirPackages(t *testing.T) {
	b := newBuilder(t, project(t, "path = 'src'\n", madeUpKernel()))
	t.Setenv("PATH", t.TempDir())
	_, err := b.build(t.Context())
	var missing *MissingToolsError
	if !errors.As(err, &missing) || !slices.Contains(missing.Packages, "flex") {
		t.Fatalf("got %v", err)
	}
	wantError(t, err, "apt-get install make gcc")
}
