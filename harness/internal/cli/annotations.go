package cli

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/kmodtest/kmodtest/harness/internal/annotations"
	"github.com/kmodtest/kmodtest/harness/internal/matrix"
	"github.com/kmodtest/kmodtest/harness/internal/report"
)

const annotationsLong = `Print a report as workflow commands of GitHub Actions.

There is a group for each kernel, and an error for each failure, which GitHub shows next to the source: at most ten, the
worst first. Texts from a guest are escaped. Run it where kmodtest matrix ran, because it asks the go command for the
directories of the packages.`

func annotationsCommand() *cobra.Command {
	root := os.Getenv("GITHUB_WORKSPACE")
	if root == "" {
		root = "."
	}
	cmd := &cobra.Command{
		Use:   "annotations [--root DIRECTORY] [DIRECTORY]",
		Short: "Print a report as workflow commands of GitHub Actions",
		Long:  annotationsLong,
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := annotate(cmd, append(args, reportDir)[0], root); err != nil {
				return &statusError{report.StatusBroken, err}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&root, "root", root, "the root of the repository, with which the names of files begin (default $GITHUB_WORKSPACE)")
	return cmd
}

func annotate(cmd *cobra.Command, dir, root string) error {
	rep, err := report.Read(filepath.Join(dir, report.JSONFile))
	if err != nil {
		return err
	}
	if root, err = filepath.Abs(root); err != nil {
		return fmt.Errorf("find the root of the repository: %w", err)
	}
	dirs, err := matrix.Dirs(cmd.Context(), rep.Packages)
	if err != nil {
		return err
	}
	_, err = fmt.Fprint(cmd.OutOrStdout(), annotations.Sources{Root: root, Dirs: dirs}.Workflow(rep))
	return err
}
