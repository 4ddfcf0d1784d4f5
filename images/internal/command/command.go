// Package command runs programs for package images. No program outlives its caller, and errors say
// what to do.
package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Command is one program to run.
type Command struct {
	Path  string     // the program's path, see Find
	Args  []string   // arguments, without the program's name
	Dir   string     // working directory; "" is the current directory
	Env   []string   // variables to add to the environment
	Unset []string   // names of variables to remove from the environment
	Stdin io.Reader  // standard input; nil is empty
	Out   io.Writer  // gets the standard output in place of the result, unless it is nil
	Tee   io.Writer  // gets all output while the program runs, from one goroutine at a time; may be nil
	Files []*os.File // more open files, from descriptor 3 on
}

// Error reports that a command failed.
type Error struct {
	Command string // the program's name and first argument
	Stderr  string // its standard error, without surrounding space
	Err     error  // how it ended
}

func (e *Error) Error() string {
	const most = 10 // lines: some programs print a line for every file
	text := fmt.Sprintf("run %s: %v", e.Command, e.Err)
	lines := strings.Split(e.Stderr, "\n")
	if len(lines) > most {
		lines = slices.Concat(lines[:most/2], []string{"…"}, lines[len(lines)-most/2:])
	}
	return strings.TrimSpace(text + "\n" + strings.Join(lines, "\n"))
}

// Unwrap returns Err, and ENOSPC if the command reported a full disk.
func (e *Error) Unwrap() []error {
	if strings.Contains(strings.ToLower(e.Stderr), unix.ENOSPC.Error()) {
		return []error{e.Err, unix.ENOSPC}
	}
	return []error{e.Err}
}

// MissingError reports that a program is not installed.
type MissingError struct {
	Program string // its name
	Package string // the Debian package that has it
}

func (e *MissingError) Error() string {
	return fmt.Sprintf("%s is not installed: install the package %s", e.Program, e.Package)
}

// Find returns the path of a program. It also searches the sbin directories, which the PATH of an
// ordinary user lacks. The error is a *MissingError that names pkg.
func Find(program, pkg string) (string, error) {
	if path, err := exec.LookPath(program); err == nil {
		return path, nil
	}
	for _, dir := range []string{"/usr/sbin", "/sbin", "/usr/local/sbin"} {
		if path, err := exec.LookPath(filepath.Join(dir, program)); err == nil {
			return path, nil
		}
	}
	return "", &MissingError{Program: program, Package: pkg}
}

// Run runs the command in the C locale and returns its standard output. If the command fails, the
// error is an *Error; if ctx ends, it wraps ctx.Err. When ctx ends, the command and every process that
// it started are killed. When this process dies, even by SIGKILL, the command gets SIGTERM.
func (c Command) Run(ctx context.Context) ([]byte, error) {
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, c.Path, c.Args...)
	cmd.Dir = c.Dir
	cmd.Env = append(append(c.environment(), "LC_ALL=C", "LANGUAGE=C"), c.Env...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = c.Stdin, &stdout, &stderr, c.Files
	if c.Out != nil {
		cmd.Stdout = c.Out
	}
	if c.Tee != nil {
		tee := &oneAtATime{w: c.Tee}
		cmd.Stdout, cmd.Stderr = io.MultiWriter(cmd.Stdout, tee), io.MultiWriter(&stderr, tee)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 2 * time.Second
	err := runOnOneThread(cmd)
	if ctx.Err() != nil {
		return nil, fmt.Errorf("run %s: %w", c.name(), ctx.Err())
	}
	if err != nil {
		return stdout.Bytes(), c.failure(err, stderr.String())
	}
	return stdout.Bytes(), nil
}

func (c Command) environment() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return slices.Contains(c.Unset, name)
	})
}

// oneAtATime is a writer that several goroutines may use at once.
type oneAtATime struct {
	mu sync.Mutex
	w  io.Writer
}

func (o *oneAtATime) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.w.Write(p)
}

// runOnOneThread keeps the goroutine on its thread while the command runs: the parent death signal is
// sent when the thread that started the command ends, not the process.
func runOnOneThread(cmd *exec.Cmd) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	return cmd.Run()
}

func (c Command) failure(err error, stderr string) error {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return fmt.Errorf("run %s: %w", c.name(), err)
	}
	return &Error{Command: c.name(), Stderr: strings.TrimSpace(stderr), Err: err}
}

func (c Command) name() string {
	name := filepath.Base(c.Path)
	for _, arg := range c.Args {
		if !strings.ContainsAny(arg, "-/=") {
			return name + " " + arg
		}
	}
	return name
}
