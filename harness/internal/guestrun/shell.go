package guestrun

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/term"

	"github.com/kmodtest/kmodtest/harness/internal/interrupt"
	"github.com/kmodtest/kmodtest/harness/internal/request"
)

// Shell runs a command, or a shell if it is empty, in a guest, with the user's standard
// input and terminal. The configuration is that of a package, or of the working directory
// if the package is "". The exit status is that of the run.
func Shell(ctx context.Context, flags Table, pkg string, command []string) (status int, err error) {
	shell, err := findShell(command)
	if err != nil {
		return 0, err
	}
	if pkg == "" {
		r := request.Request{}.WithShell(shell)
		return ask(ctx, r, flags)
	}
	tmp, err := os.MkdirTemp("", "kmodtest-shell-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(tmp)
	dir, err := goOutput(ctx, "list", "-buildvcs=false", "-f", "{{.Dir}}", pkg)
	if err != nil {
		return 0, err
	}
	if strings.Contains(dir, "\n") {
		return 0, fmt.Errorf("%s is more than one package; a shell is for one", pkg)
	}
	shell.TestName = filepath.Base(dir) + ".test"
	shell.TestBinary = filepath.Join(tmp, shell.TestName)
	if _, err := goOutput(ctx, "test", "-c", "-o", shell.TestBinary, pkg); err != nil {
		return 0, err
	}
	text, err := os.ReadFile(shell.TestBinary)
	if err != nil {
		return 0, fmt.Errorf("package %s has no tests: %w", pkg, err)
	}
	if !callsMain(text) {
		r := request.Request{Dir: dir}.WithShell(shell)
		return ask(ctx, r, flags)
	}
	variable, err := json.Marshal(shell)
	if err != nil {
		return 0, err
	}
	cmd := exec.Command(shell.TestBinary) //nolint:noctx // attend ends it
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), ownVariables(flags, shell.TestName)...)
	cmd.Env = append(cmd.Env, request.ShellVariable+"="+string(variable))
	return attend(cmd)
}

// ask starts kmodtest-run with a request, and waits for it.
func ask(ctx context.Context, r request.Request, flags Table) (status int, err error) {
	program, err := prepare(ctx, &r, flags)
	if err != nil {
		return 0, err
	}
	r.Parent = os.Getpid()
	cmd, err := request.Command(program, r)
	if err != nil {
		return 0, err
	}
	return attend(cmd)
}

// attend runs a command with this process's input and output, passes signals on to it,
// and returns its exit status. Afterwards the terminal has the mode that it had before,
// even if the command was killed.
func attend(cmd *exec.Cmd) (status int, err error) {
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, append(interrupt.Signals(), syscall.SIGQUIT)...)
	defer signal.Stop(signals)
	stdin := int(os.Stdin.Fd())
	if state, err := term.GetState(stdin); err == nil { // else it is no terminal
		defer func() { _ = term.Restore(stdin, state) }()
	}
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	ended := make(chan struct{})
	go func() {
		for {
			select {
			case sig := <-signals:
				_ = cmd.Process.Signal(sig) // an error means that it has ended
			case <-ended:
				return
			}
		}
	}()
	err = cmd.Wait()
	close(ended)
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Exited() {
		return exit.ExitCode(), nil
	}
	return 0, err
}

// goOutput runs the go command and returns what it prints.
func goOutput(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, strings.TrimSpace(stderr.String()))
	}
	return strings.TrimSpace(string(out)), nil
}
