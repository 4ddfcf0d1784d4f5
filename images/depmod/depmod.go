// Package depmod lists the dependencies of kernel modules.
package depmod

import (
	"context"
	"fmt"

	"github.com/kmodtest/kmodtest/images/internal/command"
)

// Run writes modules.dep and related files into root/lib/modules/release, for the modules there. The
// error names the package to install if there is no program depmod.
func Run(ctx context.Context, root, release string) error {
	path, err := command.Find("depmod", "kmod")
	if err != nil {
		return err
	}
	if _, err := (command.Command{Path: path, Args: []string{"-b", root, release}}).Run(ctx); err != nil {
		return fmt.Errorf("list dependencies of modules: %w", err)
	}
	return nil
}
