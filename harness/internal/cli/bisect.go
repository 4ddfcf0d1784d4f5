package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kmodtest/kmodtest/harness/internal/bisect"
	"github.com/kmodtest/kmodtest/harness/internal/report"
	"github.com/kmodtest/kmodtest/images"
)

// bisectDir is the default directory for the log and the reports of a search.
const bisectDir = "kmodtest-bisect"

const bisectLong = `Find the first commit of a module, or the first kernel, on which a test fails.

TEST is a regular expression, as for go test -run. PACKAGE is the directory of its package, by default the working
directory. Between two commits, all sources are those of each commit, except the tests themselves: the Go files of the
package and of those that it imports, its testdata, go.mod and kernels.toml are those of the working tree, with its
changes, so a test can be newer than the mistake that it finds. --tests=commit uses the tests of each commit.

    kmodtest bisect --good v1.2 --bad HEAD -k 6.12 'TestSet$' ./vmtest
    kmodtest bisect --kernels 5.10,6.1,6.12 TestSet ./vmtest -- -test.count=5

The search works in a work tree of its own in the cache and removes it, even after an interrupt. A commit on which the
module does not build or load, or the test cannot run, is skipped. The exit status is 0 if the first one is found, 1 if
skipped ones may be it, 69 if the search cannot start or go on, and 130 after an interrupt.`

// bisectFlags are the flags of the bisect command.
type bisectFlags struct {
	good, bad string
	kernel    string
	kernels   []string
	tests     string
	with      []string
	output    string
}

func bisectCommand() *cobra.Command {
	var flags bisectFlags
	cmd := &cobra.Command{
		Use:   "bisect {--good COMMIT [--bad COMMIT] [-k KERNEL] | --kernels A,B,…} [flags] TEST [PACKAGE] [-- TEST-FLAGS]",
		Short: "Find the first commit or kernel on which a test fails",
		Long:  bisectLong,
		RunE:  flags.run,
	}
	cmd.Flags().StringVar(&flags.good, "good", "", "a `commit` on which the test passes; an ancestor of the bad one")
	cmd.Flags().StringVar(&flags.bad, "bad", "HEAD", "a `commit` on which it fails")
	cmd.Flags().StringVarP(&flags.kernel, "kernel", "k", "", "`name` or path of the kernel (default KMODTEST_KERNEL, or else the default kernel)")
	cmd.Flags().StringArrayVar(&flags.kernels, "kernels", nil,
		"search among these `kernels` instead: the test passes on the first of the list, and fails on the last")
	cmd.Flags().StringVar(&flags.tests, "tests", "current", "run the `tests` of the working tree (current) or of each commit (commit)")
	cmd.Flags().StringArrayVar(&flags.with, "with", nil, "use this `file` or directory of the working tree, too, such as a program of the tests")
	cmd.Flags().StringVarP(&flags.output, "output", "o", bisectDir, "write the log and the reports of the steps to this `directory`")
	cmd.MarkFlagsOneRequired("good", "kernels")
	for _, flag := range []string{"good", "bad", "kernel", "tests", "with"} {
		cmd.MarkFlagsMutuallyExclusive("kernels", flag)
	}
	return cmd
}

func (f *bisectFlags) run(cmd *cobra.Command, args []string) error {
	opt, err := f.options(cmd, args)
	var result *bisect.Result
	if err == nil {
		result, err = f.search(cmd.Context(), opt)
	}
	if errors.Is(err, context.Canceled) {
		return &statusError{report.StatusInterrupted, errors.New("interrupted: " + opt.Output + " has the steps so far")}
	}
	if err != nil {
		return &statusError{report.StatusBroken, err}
	}
	if err := printFound(cmd, result, opt.Output); err != nil {
		return &statusError{report.StatusBroken, err}
	}
	if result.First == "" {
		return &statusError{report.StatusFailed, errors.New("the first bad one is among those that could not be tested")}
	}
	return nil
}

// options reads the arguments TEST [PACKAGE] [-- TEST-FLAGS].
func (f *bisectFlags) options(cmd *cobra.Command, args []string) (bisect.Options, error) {
	opt := bisect.Options{Package: ".", Output: f.output, Out: cmd.OutOrStdout()}
	if at := cmd.ArgsLenAtDash(); at >= 0 {
		args, opt.Args = args[:at], args[at:]
	}
	if len(args) < 1 || len(args) > 2 {
		return opt, fmt.Errorf("%d arguments; want TEST, or TEST and PACKAGE", len(args))
	}
	opt.Test = args[0]
	if len(args) == 2 {
		opt.Package = args[1]
	}
	if info, err := os.Stat(opt.Package); err != nil || !info.IsDir() {
		return opt, fmt.Errorf("package %s is not a directory", opt.Package)
	}
	if f.tests != "current" && f.tests != "commit" {
		return opt, fmt.Errorf("--tests is %q; want current or commit", f.tests)
	}
	return opt, nil
}

func (f *bisectFlags) search(ctx context.Context, opt bisect.Options) (*bisect.Result, error) {
	if len(f.kernels) > 0 {
		list, err := kernelsInOrder(splitNames(f.kernels))
		if err != nil {
			return nil, err
		}
		return bisect.Kernels(ctx, list, opt)
	}
	kernel, err := oneKernel(f.kernel)
	if err != nil {
		return nil, err
	}
	with := slices.Clone(f.with)
	for i := range with {
		if with[i], err = filepath.Abs(with[i]); err != nil {
			return nil, err
		}
	}
	return bisect.Commits(ctx, bisect.CommitOptions{
		Options: opt, Good: f.good, Bad: f.bad, Kernel: kernel, OwnTests: f.tests == "commit", With: with,
	})
}

// kernelsInOrder returns the kernels of these names, in the order of the names. A pattern stands for kernels in the order of
// the table.
func kernelsInOrder(names []string) ([]report.Kernel, error) {
	var list []report.Kernel
	for _, name := range names {
		found, err := chooseKernels([]string{name})
		if err != nil {
			return nil, err
		}
		list = append(list, found...)
	}
	return list, nil
}

// oneKernel returns the kernel of that name or path, or the default kernel for "".
func oneKernel(name string) (report.Kernel, error) {
	if name == "" {
		name = os.Getenv("KMODTEST_KERNEL")
	}
	if name == "" {
		rows, err := images.RowsFor(".")
		if err != nil {
			return report.Kernel{}, err
		}
		for _, row := range rows {
			if row.Default {
				name = row.Name
			}
		}
	}
	found, err := chooseKernels([]string{name})
	if err != nil {
		return report.Kernel{}, err
	}
	if len(found) != 1 {
		return report.Kernel{}, fmt.Errorf("%q stands for %d kernels; name one", name, len(found))
	}
	return found[0], nil
}

// printFound prints the result of a search.
func printFound(cmd *cobra.Command, result *bisect.Result, output string) error {
	var b strings.Builder
	if result.First != "" {
		fmt.Fprintf(&b, "\nfirst bad: %s\n", result.Titles[result.First])
		if result.Titles[result.First] != result.First && len(result.First) >= 40 {
			fmt.Fprintf(&b, "commit %s\n", result.First)
		}
	} else {
		b.WriteString("\nthe first bad one may be any of:\n")
		for _, id := range result.Suspects {
			title := result.Titles[id]
			if title == "" {
				title = id
			}
			fmt.Fprintf(&b, "  %s\n", title)
		}
	}
	fmt.Fprintf(&b, "%d runs; how it fails there: %s\nlog: %s\n", result.Runs, result.Report, filepath.Join(output, "bisect.log"))
	_, err := fmt.Fprint(cmd.OutOrStdout(), b.String())
	return err
}
