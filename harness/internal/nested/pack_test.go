//go:build kvm

package nested

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"github.com/kmodtest/kmodtest/harness/internal/initramfs"
	"github.com/kmodtest/kmodtest/images"
	"github.com/kmodtest/kmodtest/images/cache"
)

// innerRun is a way to start a test binary. Each way has an initramfs of its own.
type innerRun struct {
	Package string // directory in the repository
	Env     []string
}

var (
	red   = innerRun{Package: "harness/testdata/red"}
	fresh = innerRun{Package: "harness/testdata/fresh"}
	blame = innerRun{Package: "harness/testdata/blame"}
	fuzz  = innerRun{Package: "harness/testdata/fuzz", Env: []string{"FUZZ_MODULE=../crash"}}
	suite = innerRun{Package: "vmtest"}

	describes = innerRun{Package: "harness/internal/nested/testdata/inside"}
)

var innerRuns = []innerRun{red, fresh, blame, fuzz, suite, describes}

// detection is the package that chooses the accelerator. Its tests need no machine.
const detection = "harness/internal/qemu"

// programs are needed to run QEMU. gcc does not run: its size and time are part
// of the keys of modules.
var programs = []string{"qemu-system-x86_64", "gcc", "sh"}

// firmware is what QEMU loads for the machines of the harness.
var firmware = []string{
	"/usr/share/seabios/bios-256k.bin",
	"/usr/share/qemu/kvmvapic.bin",
	"/usr/share/qemu/linuxboot_dma.bin",
	"/usr/share/qemu/pvh.bin",
}

// emulation is TCG, which is a module of Debian 12's QEMU, but not of newer ones.
const emulation = "/usr/lib/x86_64-linux-gnu/qemu/accel-tcg-x86_64.so"

// neighbours are programs that the suite takes along.
var neighbours = []string{
	"iptables-legacy", "ipvsadm", "/usr/lib/*/xtables/libxt_standard.so", "/usr/lib/*/xtables/libxt_udp.so",
}

// compilerFiles say by which compiler a kernel was built, which is part of the keys of its
// modules. They are in its build directory.
var compilerFiles = []string{"Makefile", ".kernelvariables", ".config", "include/config/auto.conf"}

// trees are directories with sources that inner runs read.
var trees = []string{"harness/testdata", "kmod", "vmtest"}

// pack makes everything that inner runs need, and puts it into an archive whose
// path it returns: an initramfs has no exact times, which are part of the keys of
// many caches. The archive does not change if its contents are the same.
func (p place) pack(ctx context.Context) (string, error) {
	if err := cache.MakeDir(p.Dir); err != nil {
		return "", err
	}
	lock := flock.New(filepath.Join(p.Dir, "lock"))
	if _, err := lock.TryLockContext(ctx, time.Second); err != nil { // another run may be packing
		return "", err
	}
	defer func() { _ = lock.Close() }() // closing the file unlocks it
	kernel, err := p.warm(ctx)
	if err != nil {
		return "", err
	}
	files, err := p.files(kernel)
	if err != nil {
		return "", err
	}
	tmp := p.archive() + ".new"
	if err := writeArchive(tmp, files); err != nil {
		return "", err
	}
	if same(tmp, p.archive()) {
		return p.archive(), os.Remove(tmp)
	}
	return p.archive(), os.Rename(tmp, p.archive())
}

// warm fills the inner runs' cache: it prepares each of them up to the start of
// QEMU, which is replaced by false. It returns the kernel. What only earlier versions
// of the sources used is removed: the archive must fit into the outer machine's memory.
func (p place) warm(ctx context.Context) (*images.Kernel, error) {
	if err := cache.MakeDir(filepath.Join(p.cacheHome(), "kmodtest")); err != nil {
		return nil, err
	}
	kernel, err := images.Resolve(ctx, "6.1", images.Options{Progress: os.Stderr})
	if err != nil {
		return nil, err
	}
	kernels := filepath.Join(p.cacheHome(), "kmodtest", "kernels")
	if err := os.Symlink(filepath.Join(filepath.Dir(p.Dir), "kernels"), kernels); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	begin := time.Now()
	for _, run := range innerRuns {
		if err := p.prepare(ctx, run); err != nil {
			return nil, fmt.Errorf("%s: %w", run.Package, err)
		}
	}
	if err := p.removeUnused(ctx, begin); err != nil {
		return nil, err
	}
	return kernel, p.build(ctx, detection)
}

// removeUnused removes what has not been used since begin from the inner runs' cache.
func (p place) removeUnused(ctx context.Context, begin time.Time) error {
	for _, name := range []string{"modules", "trees", "programs", "initramfs"} {
		dir := filepath.Join(p.cacheHome(), "kmodtest", name)
		list, err := os.ReadDir(dir)
		if err != nil {
			return err
		}
		for _, entry := range list {
			if !entry.IsDir() || !cache.IsKey(entry.Name()) {
				continue
			}
			info, err := entry.Info()
			if err == nil && info.ModTime().Before(begin) {
				err = cache.Remove(ctx, dir, entry.Name())
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// build builds a package's test binary.
func (p place) build(ctx context.Context, name string) error {
	binary := p.binary(name)
	out, err := exec.CommandContext(ctx, "go", "test", "-c", "-o", binary, filepath.Join(p.Root, name)).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return os.Chtimes(binary, time.Time{}, time.Unix(0, 0)) // its content counts
}

func (p place) prepare(ctx context.Context, run innerRun) error {
	gocmd, err := exec.LookPath("go")
	if err != nil {
		return err
	}
	if err := p.build(ctx, run.Package); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, p.binary(run.Package), "-test.run=^$")
	cmd.Dir = filepath.Join(p.Root, run.Package)
	cmd.Env = append(p.environment(), run.Env...)
	cmd.Env = append(cmd.Env, "KMODTEST_QEMU=false", "KMODTEST_ACCEL=tcg", "KMODTEST_SNAPSHOT=off", "PATH="+searchPath+":"+filepath.Dir(gocmd))
	out, err := cmd.CombinedOutput()
	if !strings.Contains(string(out), "QEMU ended before the guest was done") {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}

// files returns the paths of all files for the outer machine.
func (p place) files(kernel *images.Kernel) ([]string, error) {
	found := map[string]bool{kernel.Boot: true}
	entry := filepath.Dir(filepath.Dir(kernel.Boot))
	found[filepath.Join(entry, "kernel.json")] = true
	if err := walk(found, filepath.Join(entry, "lib")); err != nil { // modules that inner guests ask for
		return nil, err
	}
	kernels := filepath.Join(p.cacheHome(), "kmodtest", "kernels")
	found[kernels] = true
	for _, name := range compilerFiles {
		path := filepath.Join(kernel.Build, name)
		if _, err := os.Stat(path); err == nil {
			if err := addWithTargets(found, path); err != nil {
				return nil, err
			}
		}
	}
	var modules []string
	if _, err := os.Stat(emulation); err == nil {
		modules = append(modules, emulation)
	}
	list, err := initramfs.FindFiles(slices.Concat(programs, firmware, modules, neighbours))
	if err != nil {
		return nil, err
	}
	for _, f := range list {
		found[f.Path] = true
	}
	for _, name := range []string{"modules", "programs", "initramfs"} {
		trees := filepath.Join(p.cacheHome(), "kmodtest", name)
		if err := walk(found, trees); err != nil {
			return nil, err
		}
	}
	states, err := filepath.Glob(filepath.Join(p.cacheHome(), "kmodtest", "trees", "*", "state.json"))
	if err != nil {
		return nil, err
	}
	for _, state := range states { // they say which sources the modules were built from
		found[state] = true
	}
	for _, name := range append(slices.Clone(trees), "go.mod") {
		if err := walk(found, filepath.Join(p.Root, name)); err != nil {
			return nil, err
		}
	}
	if err := walk(found, filepath.Join(p.Dir, "bin")); err != nil {
		return nil, err
	}
	if err := p.addNewQEMU(found); err != nil {
		return nil, err
	}
	if err := p.addInputs(found); err != nil {
		return nil, err
	}
	return slices.Sorted(maps.Keys(found)), nil
}

// walk adds the files below a path.
func walk(found map[string]bool, root string) error {
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && !strings.HasSuffix(path, ".lock") {
			found[path] = true
		}
		return err
	})
}

// file is a file that a record of a cached program names.
type file struct{ Path string }

func (f file) isGone() bool {
	_, err := os.Lstat(f.Path)
	return errors.Is(err, fs.ErrNotExist)
}

// addInputs adds the sources that the cached programs were built from: the harness
// compares their sizes and times.
func (p place) addInputs(found map[string]bool) error {
	records, err := filepath.Glob(filepath.Join(p.cacheHome(), "kmodtest", "programs", "*.json"))
	if err != nil {
		return err
	}
	for _, path := range records {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var record struct {
			Program file
			Inputs  []file
		}
		if err := json.Unmarshal(text, &record); err != nil {
			return err
		}
		if record.Program.isGone() || slices.ContainsFunc(record.Inputs, file.isGone) { // of older sources, or a removed clone
			continue
		}
		for _, in := range record.Inputs {
			found[in.Path] = true
		}
	}
	return nil
}

// writeArchive writes files and directories without their contents.
func writeArchive(path string, files []string) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := tar.NewWriter(f)
	for _, file := range files {
		if err := addFile(w, file); err != nil {
			return err
		}
	}
	return w.Close()
}

func addFile(w *tar.Writer, path string) error {
	info, err := os.Lstat(path)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) && strings.HasPrefix(path, "/bin/") { // a link for the guest's PATH
			return nil
		}
		return err
	}
	link := ""
	if info.Mode().Type() == fs.ModeSymlink {
		if link, err = os.Readlink(path); err != nil {
			return err
		}
	}
	header, err := tar.FileInfoHeader(info, link)
	if err != nil {
		return err
	}
	header.Name, header.Format = path, tar.FormatPAX // which has nanoseconds
	header.AccessTime, header.ChangeTime = time.Time{}, time.Time{}
	if err := w.WriteHeader(header); err != nil || !info.Mode().IsRegular() {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(w, f)
	return err
}

// same reports whether two files have the same content.
func same(a, b string) bool {
	return exec.Command("cmp", "-s", a, b).Run() == nil
}
