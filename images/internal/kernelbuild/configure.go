package kernelbuild

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/kmodtest/kmodtest/images/internal/kconfig"
)

// ErrNoModules is the error for a configuration without loadable modules.
var ErrNoModules = errors.New("the configuration has no loadable modules, which tests require: add CONFIG_MODULES=y to a fragment")

// Text returns the text of a configuration file with these lines.
func Text(lines []kconfig.Line) string {
	var text strings.Builder
	for _, line := range lines {
		text.WriteString(line.String() + "\n")
	}
	return text.String()
}

// Configure writes the configuration: make allnoconfig with the lines that are asked for. If clean is true, it removes
// files of earlier builds first. If a line does not take effect, the error is a *kconfig.LostError.
func (t *Tree) Configure(ctx context.Context, asked []kconfig.Line, clean bool) error {
	path := t.Dir + ".config"
	if err := os.WriteFile(path, []byte(Text(asked)), 0o644); err != nil {
		return fmt.Errorf("write config fragments: %w", err)
	}
	targets := []string{"allnoconfig"}
	if clean {
		targets = []string{"mrproper", "allnoconfig"}
	}
	for _, target := range targets {
		if err := t.make(ctx, nil, target, "KCONFIG_ALLCONFIG="+path); err != nil {
			return fmt.Errorf("configure: %w", err)
		}
	}
	values, err := kconfig.ReadValues(filepath.Join(t.Dir, ".config"))
	if err != nil {
		return err
	}
	if err := kconfig.Check(asked, values, t.Dir, t.Arch.Source); err != nil {
		return err
	}
	if values.Of("MODULES") != "y" {
		return ErrNoModules
	}
	return os.Remove(path)
}
