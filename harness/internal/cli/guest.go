package cli

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kmodtest/kmodtest/harness/internal/exitstatus"
	"github.com/kmodtest/kmodtest/harness/internal/guestrun"
)

const configHelp = `
The flags are named after the fields of harness.Config. The table [test] of the nearest kmodtest.toml at or above the
package's directory, up to the one with go.mod, has the same settings; lists from both are joined. Relative paths in
the file start from the file's directory.`

// configFlags adds flags for the fields of harness.Config.
func configFlags(flags *pflag.FlagSet, t *guestrun.Table) {
	flags.StringArrayVar(&t.Modules, "module", nil, "build and load the kernel modules in this `directory`")
	flags.StringArrayVar(&t.KernelModules, "kernel-module", nil, "bring this `module` of the kernel")
	flags.StringArrayVar(&t.OptionalModules, "optional-module", nil, "bring this `module` if the kernel has it")
	flags.StringArrayVar(&t.LoadModules, "load-module", nil, "load this `module` of the kernel before the tests")
	flags.StringArrayVar(&t.KernelArgs, "kernel-arg", nil, "boot with this kernel `parameter`")
	flags.IntVar(&t.NUMA, "numa", 0, "`number` of NUMA nodes (default 1)")
	flags.StringArrayVar(&t.Programs, "program", nil, "build the Go program in this `directory`, and put it into PATH")
	flags.StringArrayVar(&t.Files, "file", nil, "bring this `file`, directory, pattern, or program in PATH")
	flags.StringVar(&t.Host, "host", "", "files of the host that the guest sees: `none`, module or all (default all)")
	flags.StringArrayVar(&t.Keep, "keep", nil, "keep files of this `pattern` that are written in the guest; PATTERN:DIRECTORY keeps them there")
	flags.StringArrayVar(&t.Env, "env", nil, "pass on variables of this `name` even if they look like secrets")
	flags.StringVarP(&t.Kernel, "kernel", "k", "", "`name` or path of the kernel; KMODTEST_KERNEL overrides it")
	flags.IntVar(&t.CPUs, "cpus", 0, "`number` of virtual processors (default 2)")
	flags.IntVar(&t.Memory, "memory", 0, "memory in `MiB` (default 512)")
	flags.BoolVar(&t.Fresh, "fresh", false, "run each top-level test in a fresh machine")
	flags.StringArrayVar(&t.Allow, "allow", nil, "allow kernel faults that match this regular `expression`")
	flags.IntVar(&t.Machines, "machines", 0, "`number` of machines that tests may use up (default 50)")
}

func broke(err error) error {
	if err == nil {
		return nil
	}
	return &statusError{exitstatus.HostBroke, err}
}

func execCommand() *cobra.Command {
	var table guestrun.Table
	var base string
	cmd := &cobra.Command{
		Use:   "exec [flags] TEST-BINARY [ARGUMENTS]",
		Short: "Run a test binary in a guest, for go test -exec",
		Long: "Run the test binary of any package in a guest, and exit as it does:\n\n" +
			"    go test -exec 'kmodtest exec' ./...\n" + configHelp,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			table.Resolve(base)
			return broke(guestrun.Test(cmd.Context(), table, args[0], args[1:]))
		},
	}
	configFlags(cmd.Flags(), &table)
	// The go command starts a test binary in the directory of its package.
	cmd.Flags().StringVar(&base, "base", ".", "relative paths of the other flags start from this `directory`")
	cmd.Flags().SetInterspersed(false)
	return cmd
}

func runCommand() *cobra.Command {
	var table guestrun.Table
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "run [flags] [--] PROGRAM [ARGUMENTS]",
		Short: "Run a program in a guest",
		Long: "Run any program in a guest, in a directory of the same name as the working directory. The exit status is that\n" +
			"of the program; a kernel fault, or a module that does not unload, fails the run as it fails tests.\n" + configHelp,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return broke(guestrun.Program(cmd.Context(), table, args[0], args[1:], timeout))
		},
	}
	configFlags(cmd.Flags(), &table)
	cmd.Flags().DurationVar(&timeout, "timeout", 0, "end the machine after this time (default none)")
	cmd.Flags().SetInterspersed(false)
	return cmd
}

func testCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "test [flags] [FLAGS AND PACKAGES OF GO TEST]",
		Short: "Run go test, with the tests of all packages in guests",
		Long: "Run go test -exec 'kmodtest exec FLAGS'. Flags with two dashes that kmodtest exec has are for it, all others for\n" +
			"go test, and so is what follows -- or -args.\n" + configHelp +
			"\n\nFlags: those of kmodtest exec.",
		DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if slices.Contains(args[:min(len(args), 1)], "--help") {
				return cmd.Help()
			}
			own, rest, err := splitOwn(args)
			if err != nil {
				return broke(err)
			}
			return goTest(cmd, own, rest)
		},
	}
}

// splitOwn splits arguments into the flags of kmodtest exec and the rest. The former have
// two dashes, or are -k before all others, and come before "--" or go test's -args.
func splitOwn(args []string) (own, rest []string, err error) {
	flags := pflag.NewFlagSet("kmodtest test", pflag.ContinueOnError)
	configFlags(flags, &guestrun.Table{})
	for len(args) > 0 && !slices.Contains([]string{"--", "-args", "--args"}, args[0]) {
		f, inline := ownFlag(flags, args[0], len(rest) == 0)
		if f == nil { // a package, or a flag of go test such as --count=1
			rest, args = append(rest, args[0]), args[1:]
			continue
		}
		n := 1
		if !inline && f.NoOptDefVal == "" {
			n = 2
		}
		if len(args) < n {
			return nil, nil, fmt.Errorf("flag --%s needs a value", f.Name)
		}
		own, args = append(own, args[:n]...), args[n:]
	}
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	return own, append(rest, args...), flags.Parse(own)
}

// ownFlag returns the flag that an argument is, or nil, and whether its value is inline.
func ownFlag(flags *pflag.FlagSet, arg string, isFirst bool) (f *pflag.Flag, inline bool) {
	if isFirst && strings.HasPrefix(arg, "-k") {
		return flags.ShorthandLookup("k"), arg != "-k"
	}
	if !strings.HasPrefix(arg, "--") {
		return nil, false
	}
	name, _, inline := strings.Cut(arg[2:], "=")
	return flags.Lookup(name), inline
}

// goTest runs go test with this program as its -exec, and exits as it does.
func goTest(cmd *cobra.Command, own, rest []string) error {
	cwd, err := os.Getwd()
	if err != nil {
		return broke(err)
	}
	program, err := execProgram(append([]string{"exec", "--base", cwd}, own...))
	if err != nil {
		return broke(err)
	}
	return runGo(cmd, exec.CommandContext(cmd.Context(), "go", append([]string{"test", "-exec", program}, rest...)...))
}

// quote quotes an argument for the go command's -exec.
func quote(arg string) string {
	if !strings.ContainsAny(arg, " \t\n'\"") && arg != "" {
		return arg
	}
	if !strings.Contains(arg, "'") {
		return "'" + arg + "'"
	}
	return `"` + arg + `"`
}
