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
		Short: "Manage kernels and their files",
		Long: "Manage kernels and their files. The names of kernels come from kmodtest's own table, and from a file kernels.toml next\n" +
			"to the go.mod of the current directory.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(listCommand(), buildCommand(), pathCommand(), removeCommand(), collectCommand(), pushCommand())
	return cmd
}

func pathCommand() *cobra.Command {
	var build, boot, image, modules bool
	cmd := &cobra.Command{
		Use:   "path [NAME]",
		Short: "Print where a kernel's files are",
		Long: "Print where a kernel's files are. If they are not in the cache, fetch or build them first.\n" +
			"NAME is a name from kmodtest kernel list, or a path. The default is KMODTEST_KERNEL, or else the default kernel.",
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
			path, lacks := kernel.Build, "files to build modules with"
			switch {
			case boot:
				path = kernel.Boot
			case image:
				path = kernel.Image
			case modules:
				path, lacks = kernel.Modules, "loadable modules"
			}
			if path == "" {
				return fmt.Errorf("kernel %s has no %s", kernel.Release, lacks)
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), path)
			return err
		},
	}
	cmd.Flags().BoolVar(&build, "build", false, "print the directory that modules are built against (the default)")
	cmd.Flags().BoolVar(&boot, "boot", false, "print the file that a machine boots: the unpacked kernel of the image if it can be booted, else the image")
	cmd.Flags().BoolVar(&image, "image", false, "print the kernel image as it was shipped")
	cmd.Flags().BoolVar(&modules, "modules", false, "print the directory with the kernel's loadable modules")
	cmd.MarkFlagsMutuallyExclusive("build", "boot", "image", "modules")
	return cmd
}

func buildCommand() *cobra.Command {
	var all, fresh bool
	cmd := &cobra.Command{
		Use:   "build NAME…",
		Short: "Fetch or build kernels that are not in the cache",
		Long: "Fetch or build kernels that are not in the cache. NAME may be a pattern, or several patterns separated by commas. A kernel\n" +
			"in the cache is not updated, even if the archive has a newer one; --fresh fetches it again. An interrupted build leaves\n" +
			"no incomplete kernel in the cache.",
		Example: "  kmodtest kernel build '6.*-min' debug",
		RunE: func(cmd *cobra.Command, names []string) error {
			if all {
				names = append(names, "*")
			}
			if names = splitNames(names); len(names) == 0 {
				return errors.New("name the kernels to build, or give --all; kmodtest kernel list prints their names")
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
				errs = append(errs, err) // the others are still built
			}
			return errors.Join(errs...)
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "build all kernels that have a name")
	cmd.Flags().BoolVar(&fresh, "fresh", false, "first remove the kernel and its sources from the cache")
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
		Long: "Remove kernels from the cache. Archives with sources stay in the cache, so that a new build does not fetch them again,\n" +
			"unless --sources is given.",
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, names []string) error {
			for _, name := range names {
				freed, err := images.Remove(cmd.Context(), name, sources, images.Options{})
				if err != nil {
					return err
				}
				text := fmt.Sprintf("%s: removed, %s", name, megabytes(freed))
				if freed == 0 {
					text = name + ": was not in the cache"
				}
				if _, err := fmt.Fprintln(cmd.OutOrStdout(), text); err != nil {
					return err
				}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&sources, "sources", false, "also remove the archive with the sources, which other kernels may share")
	return cmd
}

func collectCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "gc",
		Short: "Remove unused files from the cache",
		Long: "Remove unused files from the cache: incomplete entries of runs that were killed, kernels whose kernel row has changed or\n" +
			"is gone, sources that no kernel row names, and files that were built for runs and have not been used for two weeks.",
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
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "removed %d entries, %s\n", len(found), megabytes(freed))
			return err
		},
	}
}
