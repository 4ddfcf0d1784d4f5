package cli

import (
	"fmt"
	"path"
	"regexp"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/kmodtest/kmodtest/harness/internal/history"
	"github.com/kmodtest/kmodtest/harness/internal/report"
)

// pastFlags are the flags that relate a report to earlier ones.
type pastFlags struct {
	history  string
	previous string
}

func (f *pastFlags) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.history, "history", "", "add the results to this `file`, for kmodtest report history")
	cmd.Flags().StringVar(&f.previous, "previous", "", "show what has changed since this report.json `file`")
}

// add compares the report with the previous one, and adds it to the history.
func (f *pastFlags) add(rep *report.Report) error {
	if f.previous != "" {
		previous, err := report.Read(f.previous)
		if err != nil {
			return err
		}
		rep.Changes = report.Compare(previous, rep)
	}
	if f.history == "" {
		return nil
	}
	return history.Append(f.history, rep, rep.Commit)
}

const historyLong = `Print the tests that fail, flake or became slower, from a history of kmodtest matrix --history FILE.

For a test that fails, the line has the run in which it began to fail on a kernel, with the version of the kernel's
package, and the version before if the package is new in that run. A test flakes if its result changes although neither
the kernel nor the commit did; trees with changes that are not committed do not count. Times are medians of the first
and the last five runs that passed.`

func historyCommand() *cobra.Command {
	var tests string
	var all bool
	cmd := &cobra.Command{
		Use:   "history [--tests REGEXP] [--all] FILE",
		Short: "Show when tests began to fail, how often they flake, and how their times grew",
		Long:  historyLong,
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			wanted, err := regexp.Compile(tests)
			if err != nil {
				return &statusError{report.StatusBroken, fmt.Errorf("--tests: %w", err)}
			}
			records, damaged, err := history.Read(args[0])
			if err != nil {
				return &statusError{report.StatusBroken, err}
			}
			if damaged > 0 {
				cmd.PrintErrf("kmodtest: %d lines of %s are damaged and left out\n", damaged, args[0])
			}
			_, err = fmt.Fprint(cmd.OutOrStdout(), historyTable(history.Find(records), wanted, all))
			return err
		},
	}
	cmd.Flags().StringVar(&tests, "tests", "", "only tests whose names match this regular `expression`")
	cmd.Flags().BoolVar(&all, "all", false, "print all tests, not only those that fail, flake or became slower")
	return cmd
}

// historyTable returns a line for each test.
func historyTable(found []history.Results, wanted *regexp.Regexp, all bool) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	line := func(columns ...string) { _, _ = fmt.Fprintln(w, strings.Join(columns, "\t")) } // a Builder never fails
	line("package", "kernel", "test", "runs", "failed", "flaked", "seconds", "fails since")
	n := 0
	for i := range found {
		r := &found[i]
		if !wanted.MatchString(r.Test) || r.Test == "" && r.Failures == 0 || !all && r.Began == nil && r.Flakes == 0 && !r.Slower() {
			continue
		}
		n++
		test, times := r.Test, ""
		if test == "" {
			test = "(outside of tests)"
		}
		if r.Now > 0 {
			times = fmt.Sprintf("%.1f → %.1f", r.Before, r.Now)
		}
		line(clean(path.Base(r.Package)), clean(r.Kernel), clean(test), fmt.Sprint(r.Runs), fmt.Sprint(r.Failures), fmt.Sprint(r.Flakes), times, beginning(r.Began))
	}
	if n == 0 {
		return "no test fails, flakes or became slower\n"
	}
	_ = w.Flush() // as above
	return b.String()
}

// clean makes a text of the file harmless for a terminal.
func clean(text string) string { return report.Inert(report.CleanLine(text)) }

// beginning describes when a test began to fail.
func beginning(b *history.Beginning) string {
	if b == nil {
		return ""
	}
	text := b.First.Time.Format("2006-01-02 15:04") + " " + kernelOf(&b.First)
	switch {
	case b.Last == nil:
		text += ", in all runs"
	case kernelOf(b.Last) != kernelOf(&b.First):
		text += " (passed with " + kernelOf(b.Last) + ")"
	}
	if commit := b.First.Commit; commit != "" && (b.Last == nil || b.Last.Commit != commit) {
		text += ", commit " + commit[:min(len(commit), 12)]
	}
	return clean(text)
}

func kernelOf(r *history.Record) string {
	if r.Version == "" {
		return r.Release
	}
	return r.Release + " " + r.Version
}
