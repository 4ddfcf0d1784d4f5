package cli

import (
	"fmt"
	"os"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/kmodtest/kmodtest/images"
)

func kernelCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "kernel",
		Short: "Kernels by name, and their files",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(listCommand(), pathCommand())
	return cmd
}

func listCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the kernels that have a name",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			table := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			for _, row := range images.Rows() {
				mark := ""
				if row.Default {
					mark = " (default)"
				}
				if _, err := fmt.Fprintf(table, "%s\t%s%s\n", row.Name, row.About, mark); err != nil {
					return fmt.Errorf("list kernels: %w", err)
				}
			}
			return table.Flush()
		},
	}
}

func pathCommand() *cobra.Command {
	var build, boot, image, modules bool
	cmd := &cobra.Command{
		Use:   "path [NAME]",
		Short: "Print where a kernel's files are",
		Long: "Print where a kernel's files are, and fetch them first if they are not there.\n" +
			"NAME is one of the list, or a path. Without it, it is KMODTEST_KERNEL, or else the default.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			name := os.Getenv("KMODTEST_KERNEL")
			if len(args) > 0 {
				name = args[0]
			}
			kernel, err := images.Resolve(cmd.Context(), name, images.Options{Progress: cmd.ErrOrStderr()})
			if err != nil {
				return err
			}
			path := kernel.Build
			switch {
			case boot:
				path = kernel.Boot
			case image:
				path = kernel.Image
			case modules:
				path = kernel.Modules
			}
			if path == "" {
				return fmt.Errorf("kernel %s has no loadable modules", kernel.Release)
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), path)
			return err
		},
	}
	cmd.Flags().BoolVar(&build, "build", false, "the directory that modules are built against (what is printed without a flag)")
	cmd.Flags().BoolVar(&boot, "boot", false, "what a machine boots: the kernel inside the image, unpacked, where that can be started")
	cmd.Flags().BoolVar(&image, "image", false, "the kernel's image as it was shipped")
	cmd.Flags().BoolVar(&modules, "modules", false, "the directory with the kernel's loadable modules")
	cmd.MarkFlagsMutuallyExclusive("build", "boot", "image", "modules")
	return cmd
}
