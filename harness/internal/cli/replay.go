package cli

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kmodtest/kmodtest/harness/internal/replay"
	"github.com/kmodtest/kmodtest/images/cache"
)

func replayCommand() *cobra.Command {
	var dry bool
	cmd := &cobra.Command{
		Use:   "replay [-n] [DIRECTORY]",
		Short: "Repeat the last test that failed",
		Long: "Print and run the command that repeats the last failed test of the Go module in the working directory, or in\n" +
			"another: on its kernel, with its flags and its seed. If a run failed without a failed test, all of its tests run.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, err := os.Getwd()
			if err == nil && len(args) > 0 {
				err = os.Chdir(args[0])
				if err == nil {
					dir, err = os.Getwd()
				}
			}
			if err != nil {
				return broke(err)
			}
			return repeat(cmd, dir, dry)
		},
	}
	cmd.Flags().BoolVarP(&dry, "dry-run", "n", false, "only print the command")
	return cmd
}

// repeat repeats the last failure of the module in a directory.
func repeat(cmd *cobra.Command, dir string, dry bool) error {
	cacheDir, err := cache.Dir()
	if err != nil {
		return broke(err)
	}
	last, err := replay.Last(cacheDir, dir)
	if err != nil {
		return broke(err)
	}
	program, err := execProgram(last.Exec)
	if err != nil {
		return broke(err)
	}
	_, err = fmt.Fprintf(cmd.ErrOrStderr(), "kmodtest: failed %s ago: %s\n%s\n",
		time.Since(last.Time).Round(time.Second), clean(last.Title), clean(last.Line(program)))
	if err != nil || dry {
		return broke(err)
	}
	words := last.Words(program)
	run := exec.CommandContext(cmd.Context(), words[0], words[1:]...)
	run.Dir, run.Env = last.Dir, append(os.Environ(), last.Env...)
	return runGo(cmd, run)
}

// execProgram returns the value of go test's -exec that starts this program with arguments.
func execProgram(args []string) (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	program := []string{quote(self)}
	for _, arg := range args {
		program = append(program, quote(arg))
	}
	return strings.Join(program, " "), nil
}

// runGo runs the go command with this program's input and output, and exits as it does.
func runGo(cmd *cobra.Command, run *exec.Cmd) error {
	run.Stdin, run.Stdout, run.Stderr = os.Stdin, cmd.OutOrStdout(), cmd.ErrOrStderr()
	run.Cancel = func() error { return run.Process.Signal(os.Interrupt) }
	run.WaitDelay = time.Minute
	err := run.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() > 0 {
		return &statusError{exit.ExitCode(), nil}
	}
	return broke(err)
}
