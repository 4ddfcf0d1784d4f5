package images

import (
	"context"
	"fmt"

	"github.com/kmodtest/kmodtest/images/internal/command"
)

// depmod writes modules.dep and related files into root/lib/modules/release.
func depmod(ctx context.Context, root, release string) error {
	path, err := command.Find("depmod", "kmod")
	if err != nil {
		return err
	}
	if _, err := (command.Command{Path: path, Args: []string{"-b", root, release}}).Run(ctx); err != nil {
		return fmt.Errorf("list dependencies of modules: %w", err)
	}
	return nil
}
