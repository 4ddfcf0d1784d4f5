package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/kmodtest/kmodtest/harness/internal/report"
)

func reportCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "report",
		Short: "Work with the reports of kmodtest matrix",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(mergeCommand(), annotationsCommand(), historyCommand())
	return cmd
}

const mergeLong = `Join the reports of parts of one matrix, such as those of kmodtest matrix --shard 1/2 and 2/2.

Each argument is a report.json, or a directory in which all files of that name are read, at any depth. The result is the
report of the whole matrix, with the coverage of all parts. The exit status is that of kmodtest matrix, except that it is
69 instead of 0 if a run is missing: each package of the reports must have a run on each kernel of the reports and of -k.
Two different runs of a package on a kernel are an error.`

func mergeCommand() *cobra.Command {
	var output string
	var kernels []string
	var least coverageFlags
	var past pastFlags
	cmd := &cobra.Command{
		Use:   "merge [-k GLOB,…] [-o DIRECTORY] DIRECTORY|FILE…",
		Short: "Join reports of parts of a matrix",
		Long:  mergeLong,
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			whole, err := merge(args, kernels)
			if err == nil {
				err = past.add(whole)
			}
			if err == nil {
				err = publish(cmd.OutOrStdout(), whole, output)
			}
			if err != nil {
				return &statusError{report.StatusBroken, err}
			}
			if err := verdict(whole); err != nil {
				return err
			}
			return cmp.Or(complete(whole), least.check(whole))
		},
	}
	cmd.Flags().StringVarP(&output, "output", "o", reportDir, "write the joined reports to this directory")
	least.add(cmd)
	cmd.Flags().StringArrayVarP(&kernels, "kernels", "k", nil, "names or patterns of kernels that must be in the reports")
	past.flags(cmd)
	return cmd
}

// merge reads the reports, joins them, and adds the wanted kernels.
func merge(args, kernels []string) (*report.Report, error) {
	paths, err := reportFiles(args)
	if err != nil {
		return nil, err
	}
	var parts []*report.Report
	for _, path := range paths {
		part, err := report.Read(path)
		if err != nil {
			return nil, err
		}
		parts = append(parts, part)
	}
	whole, err := report.Merge(parts...)
	if conflict := (*report.ConflictError)(nil); errors.As(err, &conflict) {
		return nil, fmt.Errorf("%w: leave %s or %s out, or run one of them without that kernel: kmodtest matrix -k", err, paths[conflict.First], paths[conflict.Second])
	}
	if err != nil || len(splitNames(kernels)) == 0 {
		return whole, err
	}
	wanted, err := chooseKernels(kernels)
	for _, kernel := range wanted {
		whole.AddKernel(kernel)
	}
	whole.Sort()
	return whole, err
}

// reportFiles returns the files that the arguments name.
func reportFiles(args []string) ([]string, error) {
	var paths []string
	for _, arg := range args {
		info, err := os.Stat(arg)
		if err != nil {
			return nil, fmt.Errorf("find reports: %w", err)
		}
		if !info.IsDir() {
			paths = append(paths, arg)
			continue
		}
		err = filepath.WalkDir(arg, func(path string, entry fs.DirEntry, err error) error {
			if err == nil && entry.Name() == report.JSONFile {
				paths = append(paths, path)
			}
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("find reports: %w", err)
		}
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("find reports: no %s in %q", report.JSONFile, args)
	}
	return paths, nil
}

// complete returns an error if a run is missing.
func complete(whole *report.Report) error {
	missing := whole.Missing()
	if len(missing) == 0 {
		return nil
	}
	text := fmt.Sprintf("no report has a run of %s on kernel %s", missing[0].Package, missing[0].Kernel)
	if more := len(missing) - 1; more > 0 {
		text += fmt.Sprintf(", and %d more are missing", more)
	}
	return &statusError{report.StatusBroken, errors.New(text)}
}
