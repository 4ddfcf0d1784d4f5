package cli

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/kmodtest/kmodtest/harness/internal/guestrun"
)

func shellCommand() *cobra.Command {
	var table guestrun.Table
	cmd := &cobra.Command{
		Use:   "shell [flags] [PACKAGE] [-- COMMAND [ARGUMENTS]]",
		Short: "Open a shell in a guest",
		Long: "Open a shell, or run a command, in a guest with the modules loaded. It has the terminal or the standard input\n" +
			"of this command. With a package, the guest is that of its tests: the configuration is that of its harness.Main,\n" +
			"and its test binary is in PATH. The exit status is that of the shell, unless the kernel reports a fault.\n" +
			"Ctrl-] three times within a second ends a guest that does not respond.\n" + configHelp,
		Args: func(cmd *cobra.Command, args []string) error {
			if dash := cmd.ArgsLenAtDash(); dash > 1 || dash < 0 && len(args) > 1 {
				return errors.New("a shell is for one package; a command comes after --")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			pkg, command := "", args
			switch dash := cmd.ArgsLenAtDash(); {
			case dash < 0 && len(args) > 0:
				pkg, command = args[0], nil
			case dash > 0:
				pkg, command = args[0], args[1:]
			}
			status, err := guestrun.Shell(cmd.Context(), table, pkg, command)
			if err == nil && status != 0 {
				return &statusError{status, nil}
			}
			return broke(err)
		},
	}
	configFlags(cmd.Flags(), &table)
	return cmd
}
