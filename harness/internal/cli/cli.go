// Package cli implements the kmodtest command.
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
// and returns its exit status. If the command fails, Main prints the error to
// stderr and returns 1 or a status of that command. An interrupt ends the command.
func Main(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(ctx, interrupt.Signals()...)
	defer stop()
	root := &cobra.Command{
		Use:   "kmodtest",
		Short: "Kernels for go test",
		Long: "Kmodtest manages the kernels that tests run on, runs tests on many of them, and runs tests and programs\n" +
			"without harness.Main in guests. To run tests with harness.Main on one kernel, use go test.",
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	root.AddCommand(execCommand(), testCommand(), runCommand(), shellCommand(), kernelCommand(), matrixCommand(), bisectCommand(), reportCommand(), triageCommand(), replayCommand(), doctorCommand())
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	if err := root.ExecuteContext(ctx); err != nil {
		var status *statusError
		if !errors.As(err, &status) || status.err != nil { // else the program that was run has said it
			_, _ = fmt.Fprintln(stderr, "kmodtest:", err) // there is no other place to report an error
		}
		if status != nil {
			return status.status
		}
		return 1
	}
	return 0
}

// statusError is an error that sets the exit status of the command.
type statusError struct {
	status int
	err    error
}

func (e *statusError) Error() string { return e.err.Error() }

func (e *statusError) Unwrap() error { return e.err }
