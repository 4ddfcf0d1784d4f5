package modindex

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/kmodtest/kmodtest/harness/internal/kbuild"
)

// dep holds the lists of a kernel's own modules in modules.dep and modules.builtin.
type dep struct {
	byName  map[string]string   // name of a loadable module to its path below /lib/modules/RELEASE
	depends map[string][]string // name of a module to the names of its dependencies
	builtin map[string]bool     // by name
}

func readDep(dir string) (dep, error) {
	d := dep{byName: map[string]string{}, depends: map[string][]string{}, builtin: map[string]bool{}}
	if dir == "" { // the kernel has no loadable modules
		return d, nil
	}
	text, err := os.ReadFile(filepath.Join(dir, "modules.dep"))
	if err != nil {
		return d, fmt.Errorf("read the kernel's list of modules: %w", err)
	}
	for line := range bytes.Lines(text) {
		path, deps, ok := strings.Cut(strings.TrimSpace(string(line)), ":")
		if !ok {
			continue
		}
		name := kbuild.ModuleName(path)
		d.byName[name] = path
		for field := range strings.FieldsSeq(deps) {
			d.depends[name] = append(d.depends[name], kbuild.ModuleName(field))
		}
	}
	d.builtin, err = readBuiltin(dir)
	return d, err
}

// readBuiltin returns the names of the modules that are built into a kernel.
func readBuiltin(dir string) (map[string]bool, error) {
	list, err := os.ReadFile(filepath.Join(dir, "modules.builtin"))
	if err != nil {
		return nil, fmt.Errorf("read the kernel's list of built-in modules: %w", err)
	}
	names := map[string]bool{}
	for path := range bytes.Lines(list) {
		names[kbuild.ModuleName(strings.TrimSpace(string(path)))] = true
	}
	return names, nil
}
