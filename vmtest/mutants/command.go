// SPDX-License-Identifier: BSD-3-Clause

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
)

// command runs the command with args, which do not include the program's name,
// and returns its exit status.
func command(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	flags := flag.NewFlagSet("mutants", flag.ContinueOnError)
	flags.SetOutput(stderr)
	all := flags.Bool("all", false, "run the whole suite on each mutant, and print every test that kills it")
	list := flags.Bool("list", false, "list the mutants and the behaviour that each breaks, without running anything")
	flags.Usage = func() {
		printLine(stderr, "usage: mutants [-all] [-list] [NAME...]; a NAME may be a pattern such as 'get-*'")
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return 0
	} else if err != nil {
		return 2
	}
	err := do(ctx, flags.Args(), *all, *list, stdout, stderr)
	if ctx.Err() != nil {
		err = errors.New("interrupted")
	}
	if err != nil {
		printLine(stderr, "mutants: %v", err)
		return 1
	}
	return 0
}

// do lists or runs the mutants that match names.
func do(ctx context.Context, names []string, all, list bool, stdout, stderr io.Writer) error {
	root, err := moduleRoot(ctx)
	if err != nil {
		return err
	}
	mutants, err := readMutants(filepath.Join(root, "vmtest", "mutants"))
	if err != nil {
		return err
	}
	if mutants, err = choose(mutants, names); err != nil {
		return err
	}
	t := trial{all: all, width: width(mutants), stdout: stdout, stderr: stderr}
	if list {
		return t.list(mutants)
	}
	tmp, err := os.MkdirTemp("", "kmodtest-mutants-")
	if err != nil {
		return fmt.Errorf("make temporary directory: %w", err)
	}
	defer os.RemoveAll(tmp)

	printLine(stderr, "mutants: copying the repository and building its suite")
	if t.tree, err = copyTree(ctx, root, filepath.Join(tmp, "tree")); err != nil {
		return err
	}
	if t.suite, err = buildSuite(ctx, t.tree.dir, tmp); err != nil {
		return err
	}
	return t.run(ctx, mutants)
}

// moduleRoot returns the directory of the Go module in which the command was started.
func moduleRoot(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return "", fmt.Errorf("find the repository: %w", withStderr(err))
	}
	return strings.TrimSpace(string(out)), nil
}

// withStderr adds a program's standard error to the error that it ended with.
func withStderr(err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) && len(exit.Stderr) > 0 {
		return fmt.Errorf("%w: %s", err, strings.TrimSpace(string(exit.Stderr)))
	}
	return err
}

// printLine writes a formatted line.
func printLine(w io.Writer, format string, args ...any) {
	_, _ = fmt.Fprintf(w, format+"\n", args...) // nowhere is left to report an error
}
