// Package cli is the command line of the kmodtest command.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/signal"

	"github.com/spf13/cobra"

	"github.com/kmodtest/kmodtest/harness/internal/interrupt"
)

// Main runs the command with the given arguments, without the program's name,
// and returns its exit status: 0, or after it has said on stderr what went
// wrong 1, or what a command has as its own. An interrupt ends what it does, and
// then Main.
func Main(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(ctx, interrupt.Signals()...)
	defer stop()
	root := &cobra.Command{
		Use:   "kmodtest",
		Short: "Kernels for go test",
		Long: "Kmodtest answers questions about the kernels that tests can run on, and runs tests on many of them.\n" +
			"On one kernel, tests run with go test.",
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	root.AddCommand(kernelCommand(), matrixCommand(), reportCommand(), triageCommand())
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	if err := root.ExecuteContext(ctx); err != nil {
		_, _ = fmt.Fprintln(stderr, "kmodtest:", err) // nobody is left to tell if that fails
		var status *statusError
		if errors.As(err, &status) {
			return status.status
		}
		return 1
	}
	return 0
}

// statusError is an error that ends the command with a status of its own.
type statusError struct {
	status int
	err    error
}

func (e *statusError) Error() string { return e.err.Error() }

func (e *statusError) Unwrap() error { return e.err }
