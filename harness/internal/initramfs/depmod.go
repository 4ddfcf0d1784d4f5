package initramfs

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kmodtest/kmodtest/harness/internal/kbuild"
)

// depmod holds the lists of a kernel's own modules that depmod(8) writes.
type depmod struct {
	dir     string              // the kernel's /lib/modules/RELEASE, or ""
	byName  map[string]string   // name of a loadable module to its path below dir
	depends map[string][]string // path of a module to the paths of its dependencies
	builtin map[string]bool     // by name
	list    []byte              // the file modules.builtin, which the guest needs as well
}

func readDepmod(dir string) (*depmod, error) {
	d := &depmod{dir: dir, byName: map[string]string{}, depends: map[string][]string{}, builtin: map[string]bool{}}
	if dir == "" {
		return d, nil
	}
	text, err := os.ReadFile(filepath.Join(dir, "modules.dep"))
	if err != nil {
		return nil, fmt.Errorf("read the kernel's list of modules: %w", err)
	}
	for line := range bytes.Lines(text) {
		path, deps, ok := strings.Cut(strings.TrimSpace(string(line)), ":")
		if !ok {
			continue
		}
		d.byName[kbuild.ModuleName(path)] = path
		d.depends[path] = strings.Fields(deps)
	}
	if d.list, err = os.ReadFile(filepath.Join(dir, "modules.builtin")); err != nil {
		return nil, fmt.Errorf("read the kernel's list of built-in modules: %w", err)
	}
	for path := range bytes.Lines(d.list) {
		d.builtin[kbuild.ModuleName(strings.TrimSpace(string(path)))] = true
	}
	return d, nil
}

// known returns the names that the kernel has a module for, loadable or built in.
func (d *depmod) known(names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		name = kbuild.ModuleName(name)
		return d.byName[name] == "" && !d.builtin[name]
	})
}

// closure returns the paths of the named modules and of their dependencies.
// Built-in modules have no file.
func (d *depmod) closure(names []string) ([]string, error) {
	var paths []string
	seen := map[string]bool{}
	add := func(path string) {
		if !seen[path] {
			seen[path] = true
			paths = append(paths, path)
		}
	}
	for _, name := range names {
		name = kbuild.ModuleName(name)
		path, ok := d.byName[name]
		switch {
		case ok:
			for _, dep := range d.depends[path] {
				add(dep)
			}
			add(path)
		case !d.builtin[name]:
			return nil, &MissingModuleError{Name: name}
		}
	}
	return paths, nil
}

// MissingModuleError reports that a kernel has no module of that name, neither
// loadable nor built in.
type MissingModuleError struct{ Name string }

func (e *MissingModuleError) Error() string {
	return fmt.Sprintf("this kernel has no module %s, neither loadable nor built in", e.Name)
}
