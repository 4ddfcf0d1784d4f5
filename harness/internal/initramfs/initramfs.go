// Package initramfs makes the archive that a guest boots from: PID 1, kernel
// modules, programs and files.
package initramfs

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/u-root/u-root/pkg/cpio"

	"github.com/kmodtest/kmodtest/harness/internal/gobuild"
	"github.com/kmodtest/kmodtest/harness/internal/kbuild"
	"github.com/kmodtest/kmodtest/harness/internal/wire"
	"github.com/kmodtest/kmodtest/images"
	"github.com/kmodtest/kmodtest/images/cache"
)

// Spec describes the contents of an archive. Kernel and Init are required.
type Spec struct {
	Kernel        *images.Kernel
	Init          gobuild.Program            // PID 1
	Built         []*kbuild.Result           // the modules under test, in loading order
	KernelModules []string                   // names of the kernel's own modules that tests may load
	Optional      []string                   // more names, left out if the kernel has no such module
	Programs      map[string]gobuild.Program // by their names in /bin
	Files         []File                     // of the host
}

// transport holds the drivers of the channel, in loading order.
var transport = []string{"virtio_pci", "virtio_console"}

// layout is the version of the archive's format. It must change with records, so
// that older archives in the cache are not used.
const layout = 1

// fileName is the archive's name in its cache entry.
const fileName = "initramfs.cpio"

// Build returns the path of the archive in the cache at cacheDir, and makes the
// archive if it does not exist. It is not compressed: under emulation, unpacking
// costs more than reading. If a module in KernelModules does not exist, the error
// is a *MissingModuleError.
func Build(ctx context.Context, cacheDir string, spec Spec) (string, error) {
	entry, err := cache.Entry(ctx, filepath.Join(cacheDir, "initramfs"), spec.key(), func(_ context.Context, tmp string) error {
		records, err := spec.records()
		if err != nil {
			return err
		}
		return write(filepath.Join(tmp, fileName), records)
	})
	if err != nil {
		return "", fmt.Errorf("make initramfs: %w", err)
	}
	return filepath.Join(entry, fileName), nil
}

func (s Spec) key() string {
	h := sha256.New()
	fmt.Fprintf(h, "%d %s %s %q %q %q %v\n", layout, s.Kernel.Key, s.Init.Hash, s.KernelModules, s.Optional, transport, s.Files)
	for _, r := range s.Built {
		fmt.Fprintln(h, r.Key)
	}
	for _, name := range slices.Sorted(maps.Keys(s.Programs)) {
		fmt.Fprintln(h, name, s.Programs[name].Hash)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

func (s Spec) records() ([]cpio.Record, error) {
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
	boot := wire.Boot{Transport: transport}
	for _, r := range s.Built {
		for _, m := range r.Modules {
			boot.Modules = append(boot.Modules, m.Name)
		}
	}
	text, err := json.Marshal(boot)
	if err != nil {
		return nil, err
	}
	records = append(records, cpio.StaticFile(strings.TrimPrefix(wire.ConfigFile, "/"), string(text), 0o644))
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
	modules, err := s.modules()
	return append(records, modules...), err
}

// modules returns the guest's /lib/modules/RELEASE: the built modules, the
// kernel's own modules that were asked for or are needed, and the index of both.
func (s Spec) modules() ([]cpio.Record, error) {
	own, err := readDepmod(s.Kernel.Modules)
	if err != nil {
		return nil, err
	}
	if s.Kernel.Modules == "" { // everything is built in
		for _, name := range transport {
			own.builtin[name] = true
			own.list = fmt.Appendf(own.list, "kernel/%s.ko\n", name)
		}
	}
	paths, err := own.closure(slices.Concat(transport, s.needs(), s.KernelModules, own.known(s.Optional)))
	if err != nil {
		return nil, err
	}
	var index strings.Builder
	dir := "lib/modules/" + s.Kernel.Release + "/"
	var records []cpio.Record
	for _, path := range paths {
		b, err := readModule(filepath.Join(s.Kernel.Modules, path))
		if err != nil {
			return nil, err
		}
		records = append(records, cpio.StaticFile(dir+uncompressed(path), string(b), 0o644))
		writeIndex(&index, path, own.depends[path])
	}
	for _, r := range s.Built {
		for _, m := range r.Modules {
			b, err := os.ReadFile(m.Path)
			if err != nil {
				return nil, err
			}
			records = append(records, cpio.StaticFile(dir+extra(m), string(b), 0o644))
			deps, err := s.dependencies(m, own)
			if err != nil {
				return nil, err
			}
			writeIndex(&index, extra(m), deps)
		}
	}
	return append(records,
		cpio.StaticFile(dir+"modules.dep", index.String(), 0o644),
		cpio.StaticFile(dir+"modules.builtin", string(own.list), 0o644)), nil
}

// extra returns the path of a built module below /lib/modules/RELEASE.
func extra(m kbuild.Module) string { return "extra/" + filepath.Base(m.Path) }

func writeIndex(index *strings.Builder, path string, deps []string) {
	index.WriteString(uncompressed(path) + ":")
	for _, dep := range deps {
		index.WriteString(" " + uncompressed(dep))
	}
	index.WriteString("\n")
}

// built finds a built module by its name.
func (s Spec) built(name string) (kbuild.Module, bool) {
	for _, r := range s.Built {
		for _, m := range r.Modules {
			if m.Name == name {
				return m, true
			}
		}
	}
	return kbuild.Module{}, false
}

// needs returns the kernel's own modules that the built ones depend on.
func (s Spec) needs() []string {
	var names []string
	for _, r := range s.Built {
		for _, m := range r.Modules {
			for _, dep := range m.Depends {
				if _, ours := s.built(dep); !ours {
					names = append(names, dep)
				}
			}
		}
	}
	return names
}

// dependencies returns the paths of the modules that a built one needs.
func (s Spec) dependencies(m kbuild.Module, own *depmod) ([]string, error) {
	var paths, names []string
	for _, dep := range m.Depends {
		if other, ours := s.built(dep); ours {
			paths = append(paths, extra(other))
			continue
		}
		names = append(names, dep)
	}
	more, err := own.closure(names)
	return append(paths, more...), err
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
