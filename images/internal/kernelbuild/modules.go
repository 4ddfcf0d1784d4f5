package kernelbuild

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/kmodtest/kmodtest/images/depmod"
	"github.com/kmodtest/kmodtest/images/internal/files"
)

// Modules returns the modules that were built in a tree, relative to it.
func Modules(tree string) ([]string, error) {
	text, err := os.ReadFile(filepath.Join(tree, "modules.order"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list modules of tree: %w", err)
	}
	var modules []string
	for line := range strings.FieldsSeq(string(text)) {
		// Some versions list objects, and some prepend the directory for installed modules.
		module := strings.TrimSuffix(strings.TrimSuffix(line, ".ko"), ".o") + ".ko"
		if rest, ok := strings.CutPrefix(module, "kernel/"); ok && !files.Is(filepath.Join(tree, module)) {
			module = rest
		}
		if !files.Is(filepath.Join(tree, module)) {
			return nil, fmt.Errorf("the module %s is not built: run make -C %s", module, tree)
		}
		modules = append(modules, module)
	}
	return modules, nil
}

// Lists are the files of a tree that are installed with the modules.
var Lists = []string{"modules.builtin", "modules.builtin.modinfo"}

// InstallModules replaces make modules_install, which may write into the tree.
func InstallModules(ctx context.Context, tree string, modules []string, entry, release string) error {
	dir := filepath.Join(entry, "lib/modules", release)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("install modules: %w", err)
	}
	var order strings.Builder
	for _, module := range modules {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("install modules: %w", err)
		}
		if err := files.Copy(filepath.Join(tree, module), filepath.Join(dir, "kernel", module)); err != nil {
			return fmt.Errorf("install modules: %w", err)
		}
		order.WriteString("kernel/" + module + "\n")
	}
	if err := os.WriteFile(filepath.Join(dir, "modules.order"), []byte(order.String()), 0o644); err != nil {
		return fmt.Errorf("install modules: %w", err)
	}
	for _, name := range Lists {
		err := files.Copy(filepath.Join(tree, name), filepath.Join(dir, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("install modules: %w", err)
		}
	}
	return depmod.Run(ctx, entry, release)
}
