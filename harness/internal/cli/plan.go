package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/kmodtest/kmodtest/harness/internal/guestrun"
	"github.com/kmodtest/kmodtest/harness/internal/matrix"
	"github.com/kmodtest/kmodtest/harness/internal/plan"
	"github.com/kmodtest/kmodtest/harness/internal/report"
)

// planFlags are the flags of the matrix command that choose among its runs.
type planFlags struct {
	set     string
	changed string
	rerun   string
}

func (f *planFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.set, "set", "", "run the kernels and packages of this `name` in [matrix.sets] of kmodtest.toml")
	cmd.Flags().StringVar(&f.changed, "changed", "", "run only packages whose inputs may have changed since this `commit`")
	cmd.Flags().StringVar(&f.rerun, "rerun-failed", "", "run only what failed or is missing in this report.json `file`")
	cmd.MarkFlagsMutuallyExclusive("set", "kernels")
	cmd.MarkFlagsMutuallyExclusive("set", "rerun-failed")
	cmd.MarkFlagsMutuallyExclusive("kernels", "rerun-failed")
}

// readPlan reads [matrix] of the nearest kmodtest.toml. Without one, the table is empty.
func readPlan() (plan.Table, error) {
	dir, err := os.Getwd()
	if err != nil {
		return plan.Table{}, err
	}
	file := guestrun.FindFile(dir)
	if file == "" {
		return plan.Table{}, nil
	}
	return plan.Read(file)
}

// applySet sets the kernels, and the packages unless some are given, from the set.
func (f *planFlags) applySet(table *plan.Table, kernels, packages *[]string) error {
	if f.set == "" {
		return nil
	}
	set, err := table.Set(f.set)
	if err != nil {
		return err
	}
	*kernels = set.Kernels
	if len(*packages) == 0 {
		*packages = set.Packages
	}
	return nil
}

// choose makes the options choose the runs of the plan.
func (f *planFlags) choose(opt *matrix.Options, table *plan.Table) error {
	var again map[report.Cell][]string
	if f.rerun != "" {
		old, err := report.Read(f.rerun)
		if err != nil {
			return err
		}
		if again = plan.Rerun(old); len(again) == 0 {
			return fmt.Errorf("nothing failed in %s", f.rerun)
		}
		opt.Kernels, opt.Packages = nil, nil
		for cell := range again {
			if i := slices.IndexFunc(old.Kernels, func(k report.Kernel) bool { return k.Name == cell.Kernel }); i >= 0 {
				opt.Kernels = append(opt.Kernels, report.Kernel{Name: cell.Kernel, Order: old.Kernels[i].Order})
			}
			opt.Packages = append(opt.Packages, cell.Package)
		}
		sorted := report.Report{Kernels: opt.Kernels, Packages: opt.Packages}
		sorted.Sort()
		opt.Kernels = slices.CompactFunc(sorted.Kernels, func(a, b report.Kernel) bool { return a.Name == b.Name })
		opt.Packages = slices.Compact(sorted.Packages)
	}
	opt.Choose = func(kernel, pkg string) matrix.Choice {
		choice := matrix.Choice{Excluded: table.Excluded(kernel, pkg)}
		if again != nil {
			args, ok := again[report.Cell{Kernel: kernel, Package: pkg}]
			choice.LeftOut, choice.Args = !ok, args
		}
		return choice
	}
	return nil
}

// errUnchanged means that no package has to run.
var errUnchanged = errors.New("no package has changed")

// onlyChanged leaves the packages whose inputs may have changed.
func (f *planFlags) onlyChanged(ctx context.Context, out io.Writer, opt *matrix.Options, table *plan.Table) error {
	if f.changed == "" {
		return nil
	}
	packages, programs, files, err := matrix.Inputs(ctx, opt.Packages, f.changed)
	if err != nil {
		return err
	}
	changed := table.Changed(packages, programs, files)
	opt.Packages = nil
	for _, pkg := range changed {
		opt.Packages = append(opt.Packages, pkg.Path)
	}
	if _, err := fmt.Fprintf(out, "%d files have changed since %s: %d of %d packages run\n", len(files), f.changed, len(changed), len(packages)); err != nil {
		return err
	}
	if len(changed) == 0 {
		return errUnchanged
	}
	return nil
}

// allow marks the failures that the plan allows, and prints which rules are no longer
// necessary.
func allow(out io.Writer, table *plan.Table, rep *report.Report) error {
	for _, note := range table.Allow(rep, time.Now()) {
		if _, err := fmt.Fprintln(out, note); err != nil {
			return err
		}
	}
	return nil
}
