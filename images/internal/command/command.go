// Package command runs the programs that images needs, so that none outlives its caller and each failure says what to do.
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
	Path  string     // the program, as Find gave it
	Args  []string   // its arguments, without the program itself
	Dir   string     // where to run it; "" is here
	Env   []string   // what to add to the environment
	Unset []string   // variables to leave out of it
	Stdin io.Reader  // what it reads; nil is nothing
	Tee   io.Writer  // gets all it prints, while it runs, from one goroutine at a time; nil is nobody
	Files []*os.File // more open files for it, from descriptor 3 on
}

// Error is a command that ran and did not do its work.
type Error struct {
	Command string // the program's name and first argument
	Stderr  string // what it said on stderr, without surrounding space
	Err     error  // how it ended
}

func (e *Error) Error() string {
	const most = 10 // lines: some programs say the same of every file
	text := fmt.Sprintf("run %s: %v", e.Command, e.Err)
	lines := strings.Split(e.Stderr, "\n")
	if len(lines) > most {
		lines = slices.Concat(lines[:most/2], []string{"…"}, lines[len(lines)-most/2:])
	}
	return strings.TrimSpace(text + "\n" + strings.Join(lines, "\n"))
}

// Unwrap returns how the command ended; when the disk was full, that is what it says and errors.Is finds ENOSPC.
func (e *Error) Unwrap() []error {
	if strings.Contains(strings.ToLower(e.Stderr), unix.ENOSPC.Error()) {
		return []error{e.Err, unix.ENOSPC}
	}
	return []error{e.Err}
}

// MissingError is a program that is not installed.
type MissingError struct {
	Program string // its name
	Package string // the Debian package that has it
}

func (e *MissingError) Error() string {
	return fmt.Sprintf("%s is not installed: install the package %s", e.Program, e.Package)
}

// Find returns the path of a program. It looks in the directories for administrators too, which the PATH of an ordinary
// user lacks. The error is a *MissingError that names pkg.
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

// Run runs the command, in the C locale, and returns its stdout. Its error is an *Error, or
// ctx's when that ended. When ctx ends, the command is killed with every process it started; when this process dies, even
// by SIGKILL, the command is ended too.
func (c Command) Run(ctx context.Context) ([]byte, error) {
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, c.Path, c.Args...)
	cmd.Dir = c.Dir
	cmd.Env = append(append(c.environment(), "LC_ALL=C", "LANGUAGE=C"), c.Env...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = c.Stdin, &stdout, &stderr, c.Files
	if c.Tee != nil {
		tee := &oneAtATime{w: c.Tee}
		cmd.Stdout, cmd.Stderr = io.MultiWriter(&stdout, tee), io.MultiWriter(&stderr, tee)
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

// oneAtATime is a writer for two goroutines.
type oneAtATime struct {
	mu sync.Mutex
	w  io.Writer
}

func (o *oneAtATime) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.w.Write(p)
}

// runOnOneThread keeps the goroutine on its thread while the command runs: the signal for a dead parent is sent when
// the thread that started the command ends, not the process.
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
