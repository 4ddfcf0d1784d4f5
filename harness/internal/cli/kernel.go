package cli

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/kmodtest/kmodtest/images"
)

func kernelCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "kernel",
		Short: "Kernels by name, and their files",
		Long: "Kernels by name, and their files. Names are those of kmodtest, and those of a file kernels.toml beside the go.mod of\n" +
			"the current directory.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(listCommand(), buildCommand(), pathCommand(), removeCommand(), collectCommand())
	return cmd
}

func pathCommand() *cobra.Command {
	var build, boot, image, modules bool
	cmd := &cobra.Command{
		Use:   "path [NAME]",
		Short: "Print where a kernel's files are",
		Long: "Print where a kernel's files are, and fetch or build them first if they are not there.\n" +
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

func buildCommand() *cobra.Command {
	var all, fresh bool
	cmd := &cobra.Command{
		Use:   "build NAME…",
		Short: "Fetch or build kernels that are not there yet",
		Long: "Fetch or build kernels that are not there yet. NAME may be a pattern, or several of them with commas in between. A kernel that\n" +
			"is there stays as it is, whatever the archive has that is newer; --fresh begins again from the archive. An interrupt leaves\n" +
			"nothing that is used later.",
		Example: "  kmodtest kernel build '6.*-min' debug",
		RunE: func(cmd *cobra.Command, names []string) error {
			if all {
				names = append(names, "*")
			}
			if names = splitNames(names); len(names) == 0 {
				return errors.New("name the kernels to build, or give --all; kmodtest kernel list has their names")
			}
			kernels, err := chooseKernels(names)
			if err != nil {
				return err
			}
			var errs []error
			for _, kernel := range kernels {
				err := buildKernel(cmd, kernel.Name, fresh)
				if cmd.Context().Err() != nil {
					return err
				}
				errs = append(errs, err) // one that fails keeps none of the others
			}
			return errors.Join(errs...)
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "all kernels of the list")
	cmd.Flags().BoolVar(&fresh, "fresh", false, "remove the kernel first, and the sources it was built from")
	return cmd
}

func buildKernel(cmd *cobra.Command, name string, fresh bool) error {
	if fresh {
		if _, err := images.Remove(cmd.Context(), name, true, images.Options{}); err != nil {
			return err
		}
	}
	kernel, err := images.Resolve(cmd.Context(), name, images.Options{Progress: cmd.ErrOrStderr()})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s is Linux %s\n", name, kernel.Release)
	return err
}

func removeCommand() *cobra.Command {
	var sources bool
	cmd := &cobra.Command{
		Use:   "rm NAME…",
		Short: "Remove kernels from the cache",
		Long: "Remove kernels from the cache. The archive with the sources of one that was built stays, so that a new build need not\n" +
			"fetch it, unless --sources is given.",
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, names []string) error {
			for _, name := range names {
				freed, err := images.Remove(cmd.Context(), name, sources, images.Options{})
				if err != nil {
					return err
				}
				text := fmt.Sprintf("%s: removed, %s", name, megabytes(freed))
				if freed == 0 {
					text = name + ": was not there"
				}
				if _, err := fmt.Fprintln(cmd.OutOrStdout(), text); err != nil {
					return err
				}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&sources, "sources", false, "the archive with the sources, too, which other kernels may share")
	return cmd
}

func collectCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "gc",
		Short: "Remove from the cache what nobody needs any more",
		Long: "Remove from the cache what nobody needs any more: what dead runs left half done, kernels whose row has changed or is\n" +
			"gone, sources that no row names, and what was built for runs and has not been used for two weeks.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			found, err := images.CollectGarbage(cmd.Context(), images.Options{})
			var freed int64
			for _, g := range found {
				freed += g.Size
				if _, err := fmt.Fprintf(cmd.OutOrStdout(), "%s: %s\n", g.Path, g.Why); err != nil {
					return err
				}
			}
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "removed %d, %s\n", len(found), megabytes(freed))
			return err
		},
	}
}
