package images

import (
	"context"
	"fmt"

	"github.com/kmodtest/kmodtest/images/internal/command"
)

// Depmod writes modules.dep and related files into root/lib/modules/release, for the modules there. The
// error is a *MissingToolsError if there is no program depmod.
func Depmod(ctx context.Context, root, release string) error {
	path, err := command.Find("depmod", "kmod")
	if err != nil {
		return err
	}
	if _, err := (command.Command{Path: path, Args: []string{"-b", root, release}}).Run(ctx); err != nil {
		return fmt.Errorf("list dependencies of modules: %w", err)
	}
	return nil
}
