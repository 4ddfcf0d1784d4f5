// Package initramfs makes the archive that a guest boots from: PID 1, kernel
// modules, programs and files.
package initramfs

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/u-root/u-root/pkg/cpio"

	"github.com/kmodtest/kmodtest/harness/internal/gobuild"
	"github.com/kmodtest/kmodtest/harness/internal/kbuild"
	"github.com/kmodtest/kmodtest/harness/internal/kernelinfo"
	"github.com/kmodtest/kmodtest/harness/internal/modindex"
	"github.com/kmodtest/kmodtest/harness/internal/wire"
	"github.com/kmodtest/kmodtest/images"
	"github.com/kmodtest/kmodtest/images/cache"
	"github.com/kmodtest/kmodtest/images/depmod"
)

// Spec describes the contents of an archive. Kernel and Init are required.
type Spec struct {
	Kernel        *images.Kernel
	Init          gobuild.Program            // PID 1
	Drivers       []string                   // of the channel, in loading order
	Built         []*kbuild.Result           // the modules under test, in loading order
	Modules       *modindex.Index            // of the kernel's modules and those under test
	Load          []string                   // names of the kernel's own modules that are loaded before those under test
	KernelModules []string                   // names or patterns of the kernel's own modules whose files tests read
	Optional      []string                   // more names, left out if the kernel has no such module
	Programs      map[string]gobuild.Program // by their names in /bin
	TestCrypto    bool                       // see wire.Boot
	Host          string                     // the layout of the host's files, if the guest sees them: see hostfs.Tree.Layout
	Files         []File                     // of the host
}

// layout is the version of the archive's format. It must change with records, so
// that older archives in the cache are not used.
const layout = 5

// fileName is the archive's name in its cache entry.
const fileName = "initramfs.cpio"

// Build returns the path of the archive in the cache at cacheDir, and makes the
// archive if it does not exist. It is not compressed: under emulation, unpacking
// costs more than reading. If a module in KernelModules does not exist, the error
// is a *modindex.MissingModuleError.
func Build(ctx context.Context, cacheDir string, spec Spec) (string, error) {
	dir, made := filepath.Join(cacheDir, "initramfs"), false
	entry, err := cache.Entry(ctx, dir, spec.key(), func(ctx context.Context, tmp string) error {
		records, err := spec.records(ctx, tmp)
		if err != nil {
			return err
		}
		made = true
		return write(filepath.Join(tmp, fileName), records)
	})
	if err != nil {
		return "", fmt.Errorf("make initramfs: %w", err)
	}
	if made {
		cache.Trim(ctx, dir, entry)
	}
	return filepath.Join(entry, fileName), nil
}

func (s Spec) key() string {
	h := sha256.New()
	fmt.Fprintf(h, "%d %s %s %q %q %q %q %t %q %v\n",
		layout, s.Kernel.Key, s.Init.Hash, s.Load, s.KernelModules, s.Optional, s.Drivers, s.TestCrypto, s.Host, s.Files)
	for _, r := range s.Built {
		fmt.Fprintf(h, "%s %q\n", r.Key, r.Load)
	}
	for _, name := range slices.Sorted(maps.Keys(s.Programs)) {
		fmt.Fprintln(h, name, s.Programs[name].Hash)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

func (s Spec) records(ctx context.Context, tmp string) ([]cpio.Record, error) {
	init, err := os.ReadFile(s.Init.Path)
	if err != nil {
		return nil, err
	}
	records := []cpio.Record{
		// The kernel opens /dev/console for PID 1 before any file system is
		// mounted; Go's runtime opens /dev/null if that failed.
		cpio.CharDev("dev/console", 0o600, 5, 1),
		cpio.CharDev("dev/null", 0o666, 1, 3),
		cpio.StaticFile("init", string(init), 0o755),
	}
	boot := wire.Boot{Load: s.Load, Host: s.Host != "", TestCrypto: s.TestCrypto}
	if boot.Transport, err = s.transport(); err != nil {
		return nil, err
	}
	if boot.Nodes, err = s.Modules.Nodes(); err != nil {
		return nil, err
	}
	for _, r := range s.Built {
		for _, l := range r.Load {
			boot.Modules = append(boot.Modules, wire.Module(l))
		}
	}
	var setup strings.Builder
	if err := wire.NewWriter(&setup).WriteMessage(wire.Setup, &boot); err != nil {
		return nil, err
	}
	records = append(records, cpio.StaticFile(strings.TrimPrefix(wire.SetupFile, "/"), setup.String(), 0o644))
	for _, name := range slices.Sorted(maps.Keys(s.Programs)) {
		b, err := os.ReadFile(s.Programs[name].Path)
		if err != nil {
			return nil, err
		}
		records = append(records, cpio.StaticFile("bin/"+name, string(b), 0o755))
	}
	for _, f := range s.Files {
		record, err := f.record()
		if err != nil {
			return nil, err
		}
		records = append(records, record)
	}
	if config, ok := s.config(); ok {
		records = append(records, config)
	}
	modules, err := s.modules(ctx, filepath.Join(tmp, "root"))
	return append(records, modules...), err
}

// config returns the guest's /boot/config-RELEASE, the kernel's configuration. ok is
// false if the kernel's files do not have it, or Files does.
func (s Spec) config() (record cpio.Record, ok bool) {
	name := "/boot/config-" + s.Kernel.Release
	if slices.ContainsFunc(s.Files, func(f File) bool { return f.Path == name }) {
		return record, false
	}
	text := kernelinfo.Config(s.Kernel)
	return cpio.StaticFile(name[1:], string(text), 0o644), text != nil
}

// modules returns the guest's /lib/modules/RELEASE: the modules under test, the
// kernel's own modules that were asked for or are needed, and the lists that depmod
// makes of both. root is a temporary directory.
func (s Spec) modules(ctx context.Context, root string) ([]cpio.Record, error) {
	dir := s.modulesDir()[1:]
	top := filepath.Join(root, dir)
	defer os.RemoveAll(root)
	if err := os.MkdirAll(top, 0o755); err != nil {
		return nil, err
	}
	if err := s.writeBuiltin(top); err != nil {
		return nil, err
	}
	files, err := s.moduleFiles()
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		path := filepath.Join(root, s.place(f))
		b, err := s.Modules.Read(f)
		if err == nil {
			err = os.MkdirAll(filepath.Dir(path), 0o755)
		}
		if err == nil {
			err = os.WriteFile(path, b, 0o644)
		}
		if err != nil {
			return nil, err
		}
	}
	if err := depmod.Run(ctx, root, s.Kernel.Release); err != nil {
		return nil, err
	}
	return readTree(root, dir)
}

// modulesDir is the directory of the modules in the guest.
func (s Spec) modulesDir() string { return filepath.Join("/lib/modules", s.Kernel.Release) }

// place returns the path of a module in the guest.
func (s Spec) place(f modindex.File) string {
	if s.Modules.IsOwn(f) {
		return filepath.Join(s.modulesDir(), "extra", filepath.Base(f.Path))
	}
	return filepath.Join(s.modulesDir(), modindex.Uncompressed(f.Path))
}

// transport returns the paths of the drivers' modules in the guest, in loading order.
func (s Spec) transport() (paths []string, err error) {
	if s.Kernel.Modules == "" { // the drivers are built in
		return nil, nil
	}
	files, err := s.Modules.Closure(s.Drivers)
	for _, f := range files {
		paths = append(paths, s.place(f))
	}
	return paths, err
}

// moduleFiles returns the modules whose files the guest has.
func (s Spec) moduleFiles() ([]modindex.File, error) {
	optional, err := s.Modules.Known(s.Optional)
	if err != nil {
		return nil, err
	}
	names := optional
	if s.Kernel.Modules != "" { // else the drivers are built in
		names = append(names, s.Drivers...)
	}
	for _, r := range s.Built {
		for _, m := range r.Modules {
			names = append(names, m.Name)
		}
	}
	return s.Modules.Closure(append(names, s.KernelModules...))
}

// writeBuiltin writes the lists of built-in modules, of which depmod makes its own
// lists.
func (s Spec) writeBuiltin(top string) error {
	if s.Kernel.Modules == "" {
		var list strings.Builder
		for _, name := range s.Drivers {
			list.WriteString("kernel/" + name + ".ko\n")
		}
		return os.WriteFile(filepath.Join(top, "modules.builtin"), []byte(list.String()), 0o644)
	}
	for _, name := range []string{"modules.builtin", "modules.builtin.modinfo"} {
		text, err := os.ReadFile(filepath.Join(s.Kernel.Modules, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(top, name), text, 0o644)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// readTree returns the regular files in a directory below root.
func readTree(root, dir string) ([]cpio.Record, error) {
	var records []cpio.Record
	err := filepath.WalkDir(filepath.Join(root, dir), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		name, _ := filepath.Rel(root, path) // it is below root
		records = append(records, cpio.StaticFile(name, string(b), 0o644))
		return err
	})
	return records, err
}

// write writes the archive, directories included.
func write(path string, records []cpio.Record) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := cpio.NewDedupWriter(cpio.Newc.Writer(f))
	if err := cpio.WriteRecordsAndDirs(w, records); err != nil {
		return err
	}
	return cpio.WriteTrailer(w)
}
