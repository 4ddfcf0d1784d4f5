package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/kmodtest/kmodtest/harness/internal/coverage"
	"github.com/kmodtest/kmodtest/harness/internal/matrix"
	"github.com/kmodtest/kmodtest/harness/internal/plan"
	"github.com/kmodtest/kmodtest/harness/internal/report"
	"github.com/kmodtest/kmodtest/images"
)

// reportDir is the default directory for reports. Git ignores it.
const reportDir = "kmodtest-report"

const matrixLong = `Run the tests of packages on many kernels, and write reports.

Packages are named as for the go command. Packages without tests are left out, and those whose tests do not import the
harness, unless a table [test] of kmodtest.toml is for them, or no package imports it. Each package is compiled once and run on each kernel, with as many machines at once as processors and memory allow.
If the module does not build against a kernel, only that run fails. Arguments after -- go to the test binaries:

    kmodtest matrix -k '6.*' ./... -- -test.run=TestSet

The table [matrix] of kmodtest.toml names sets of kernels and packages, and runs that may fail until a day or are not
applicable.

The exit status is 255 if a kernel reported a fault; else 1 if a test failed, or a module did not build, load or unload;
else 69 if the harness, the host or the guest broke, or no test has run; else 0. After an interrupt it is 130, and the
reports are still written.`

// matrixFlags are the flags of the matrix command.
type matrixFlags struct {
	kernels  []string
	output   string
	shard    string
	machines int
	timeout  time.Duration
	list     bool
	plan     planFlags
	past     pastFlags
	table    plan.Table
	coverage coverageFlags
}

func matrixCommand() *cobra.Command {
	var flags matrixFlags
	cmd := &cobra.Command{
		Use:   "matrix [flags] [PACKAGES] [-- TEST-FLAGS]",
		Short: "Run tests on many kernels",
		Long:  matrixLong,
		RunE:  flags.run,
	}
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &statusError{report.StatusBroken, err} })
	cmd.Flags().StringArrayVarP(&flags.kernels, "kernels", "k", nil,
		"names of kernels, patterns such as '6.*', or paths (default KMODTEST_KERNEL, or else all kernels that have a name, without extra ones)")
	cmd.Flags().StringVarP(&flags.output, "output", "o", reportDir, "write the reports to this directory")
	cmd.Flags().StringVar(&flags.shard, "shard", "1/1", "run only the I-th of N parts, given as I/N; kmodtest report merge joins their reports")
	cmd.Flags().IntVarP(&flags.machines, "machines", "j", 0, "how many machines run at once (0: as processors and memory allow)")
	cmd.Flags().DurationVar(&flags.timeout, "timeout", 0, "interrupt the runs after this time, such as 50m, and write the reports (0: never)")
	cmd.Flags().BoolVar(&flags.coverage.measure, "coverage", false, "measure which lines and branches of the modules under test are executed, by which tests")
	flags.coverage.add(cmd)
	cmd.Flags().BoolVar(&flags.list, "list", false, "run nothing; print the kernels as JSON, on one line")
	flags.plan.add(cmd)
	flags.past.flags(cmd)
	return cmd
}

func (f *matrixFlags) run(cmd *cobra.Command, args []string) error {
	opt, err := f.options(cmd, args)
	if err == nil && !f.list {
		err = f.plan.onlyChanged(cmd.Context(), cmd.OutOrStdout(), &opt, &f.table)
	}
	if errors.Is(err, errUnchanged) {
		return nil
	}
	if err != nil {
		return &statusError{report.StatusBroken, err}
	}
	if f.list {
		return listKernels(cmd, opt.Kernels)
	}
	ctx := cmd.Context()
	why := "interrupted"
	if f.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, f.timeout)
		defer cancel()
	}
	commit := matrix.Commit(ctx) // before the tests: reports may be in the tree
	opt.Viewer = viewer(cmd.OutOrStdout())
	rep, err := matrix.Run(ctx, opt)
	opt.Viewer.Close()
	interrupted := ctx.Err() != nil
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		why = fmt.Sprintf("interrupted after %v, the time of --timeout", f.timeout)
	}
	if err != nil && !interrupted {
		return &statusError{report.StatusBroken, err}
	}
	rep.Commit = commit
	err = allow(cmd.OutOrStdout(), &f.table, rep)
	if err = errors.Join(err, f.past.add(rep), publish(cmd.OutOrStdout(), rep, f.output)); err != nil {
		return &statusError{report.StatusBroken, err}
	}
	if interrupted {
		return &statusError{report.StatusInterrupted, errors.New(why + ": the reports have the results so far")}
	}
	return cmp.Or(verdict(rep), f.coverage.check(rep))
}

func (f *matrixFlags) options(cmd *cobra.Command, args []string) (matrix.Options, error) {
	self, err := os.Executable()
	if err != nil {
		return matrix.Options{}, err
	}
	opt := matrix.Options{Packages: args, Machines: f.machines, Coverage: f.coverage.measure, Exec: []string{self, "exec"}}
	if _, err := coverage.ParseLeast(f.coverage.least); err != nil {
		return opt, err
	}
	if at := cmd.ArgsLenAtDash(); at >= 0 {
		opt.Packages, opt.Args = args[:at], args[at:]
	}
	if f.table, err = readPlan(); err != nil {
		return opt, err
	}
	kernels := f.kernels
	if err := f.plan.applySet(&f.table, &kernels, &opt.Packages); err != nil {
		return opt, err
	}
	if len(opt.Packages) == 0 {
		opt.Packages = []string{"."}
	}
	if opt.Kernels, err = chooseKernels(kernels); err != nil {
		return opt, err
	}
	if opt.Shard, err = matrix.ParseShard(f.shard); err != nil {
		return opt, err
	}
	return opt, f.plan.choose(&opt, &f.table)
}

// job is a kernel in the output of kmodtest matrix --list.
type job struct {
	Name string `json:"name"`
	Key  string `json:"key"` // of its cache entry; "" for a path
}

// listKernels prints the kernels for a workflow that starts a job for each.
func listKernels(cmd *cobra.Command, kernels []report.Kernel) error {
	all, err := images.List(cmd.Context(), images.Options{})
	if err != nil {
		return &statusError{report.StatusBroken, err}
	}
	keys := map[string]string{}
	for _, known := range all {
		keys[known.Row.Name] = known.Key
	}
	jobs := []job{}
	for _, kernel := range kernels {
		jobs = append(jobs, job{kernel.Name, keys[kernel.Name]})
	}
	return json.NewEncoder(cmd.OutOrStdout()).Encode(jobs)
}

// viewer returns a viewer with a live table on a terminal, or else one that prints
// a line for each event.
func viewer(out io.Writer) matrix.Viewer {
	if file, ok := out.(*os.File); ok && term.IsTerminal(int(file.Fd())) && os.Getenv("TERM") != "dumb" {
		return matrix.NewTable(file, os.Getenv("NO_COLOR") == "")
	}
	return matrix.NewLines(out)
}

// chooseKernels returns the kernels that match any of the patterns, in the order of
// the tables of kmodtest and of the working directory's module. Paths are last, in
// the given order, and absolute: tests run in the directories of their packages.
// Each list has patterns separated by commas or newlines, as for images.MatchName.
// Without patterns, it returns KMODTEST_KERNEL, or else all kernels for the host's
// architecture. Extra rows are not among all kernels.
func chooseKernels(lists []string) ([]report.Kernel, error) {
	patterns := splitNames(lists)
	given := len(patterns) > 0
	if !given {
		patterns = []string{"*"}
		if name := os.Getenv("KMODTEST_KERNEL"); name != "" {
			patterns = []string{name}
		}
	}
	rows, err := images.RowsFor(".")
	if err != nil {
		return nil, err
	}
	var names []string
	extra := map[string]bool{}
	for _, row := range rows {
		names = append(names, row.Name)
		extra[row.Name] = row.Extra
	}
	var chosen report.Report
	for i, pattern := range patterns {
		if isPath(pattern) {
			if given { // KMODTEST_KERNEL stays as it is for the tests
				if pattern, err = filepath.Abs(pattern); err != nil {
					return nil, err
				}
			}
			chosen.AddKernel(report.Kernel{Name: pattern, Order: len(names) + i})
			continue
		}
		found := false
		rowPattern, _ := images.SplitName(pattern)
		for order, name := range names {
			match, err := images.MatchName(pattern, name)
			if err != nil {
				return nil, fmt.Errorf("choose kernels by %q: %w", pattern, err)
			}
			if match && (rowPattern != "*" || !extra[name]) {
				chosen.AddKernel(report.Kernel{Name: name, Order: order})
				found = true
			}
		}
		if !found {
			return nil, &images.UnknownKernelError{Name: pattern, Names: names}
		}
	}
	chosen.Sort()
	return chosen.Kernels, nil
}

// splitNames splits lists of names at commas and newlines, and removes the white
// space around the names.
func splitNames(lists []string) []string {
	var names []string
	for _, list := range lists {
		for name := range strings.FieldsFuncSeq(list, func(c rune) bool { return c == ',' || c == '\n' }) {
			if name = strings.TrimSpace(name); name != "" {
				names = append(names, name)
			}
		}
	}
	return names
}

func isPath(kernel string) bool {
	return strings.Contains(kernel, "/") || strings.HasPrefix(kernel, ".")
}

// publish writes the reports and prints a table and the paths of the reports.
func publish(out io.Writer, rep *report.Report, dir string) error {
	if err := rep.Write(dir); err != nil {
		return err
	}
	table := rep.Table()
	if rep.Coverage != nil {
		table += "\ncoverage of the modules: " + rep.Coverage.Text()
	}
	_, err := fmt.Fprintf(out, "\n%s\n%s\nreports: %s\n", rep.Headline(), table,
		strings.Join([]string{
			path.Join(dir, report.HTMLFile), path.Join(dir, report.MarkdownFile),
			path.Join(dir, report.JUnitFile), path.Join(dir, report.JSONFile),
		}, " "))
	return err
}

// verdict returns an error with the exit status of the report, or nil if the
// matrix passed.
func verdict(rep *report.Report) error {
	if status := rep.Status(); status != 0 {
		return &statusError{status, errors.New(rep.Headline())}
	}
	if isIdle(rep) {
		return &statusError{report.StatusBroken, errors.New("no test has run: check that -test.run matches a test")}
	}
	return nil
}

// isIdle reports whether neither a test nor a benchmark has run. It recognizes a
// run without benchmarks by the warning of the testing package.
func isIdle(rep *report.Report) bool {
	warned := false
	for _, run := range rep.Runs {
		if len(run.Tests) > 0 {
			return false
		}
		warned = warned || strings.Contains(run.Output, "testing: warning: no tests to run")
	}
	return warned
}
