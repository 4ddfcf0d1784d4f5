package dkms

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/interp"
)

// readers are the programs that a dkms.conf may run: they only read.
var readers = []string{
	"awk", "basename", "cat", "cut", "dirname", "dpkg-architecture", "egrep", "expr", "fgrep", "find", "gawk", "gcc",
	"getconf", "grep", "head", "ls", "mawk", "modinfo", "nproc", "pkg-config", "readlink", "realpath", "sed", "seq",
	"sort", "tac", "tail", "tr", "uniq", "wc", "which",
}

// changing are the beginnings of options with which these programs change files or
// run others.
var changing = map[string][]string{
	"find": {"-delete", "-exec", "-ok", "-fprint", "-fls"},
	"sed":  {"-i", "--in-place"},
}

// refusedError reports that a dkms.conf does what it may not do while it is read.
type refusedError struct {
	line    int
	problem string
}

func (e *refusedError) Error() string { return e.problem }

// allowed answers uname for the kernel that the file is read for, runs readers, and
// refuses all other programs.
func allowed(kernel Kernel) func(interp.ExecHandlerFunc) interp.ExecHandlerFunc {
	return func(next interp.ExecHandlerFunc) interp.ExecHandlerFunc {
		return func(ctx context.Context, args []string) error {
			shell := interp.HandlerCtx(ctx)
			name := args[0][strings.LastIndex(args[0], "/")+1:]
			switch {
			case name == "uname":
				_, err := fmt.Fprintln(shell.Stdout, uname(args[1:], kernel))
				return err
			case slices.Contains(readers, name) && !changes(name, args[1:]):
				return next(ctx, args)
			}
			return &refusedError{int(shell.Pos.Line()), fmt.Sprintf("runs %q: while kmodtest reads the file, it may run only "+
				"programs that read, such as grep, sed and uname; move the command to PRE_BUILD or MAKE", strings.Join(args, " "))}
		}
	}
}

func changes(name string, args []string) bool {
	for _, arg := range args {
		for _, option := range changing[name] {
			if strings.HasPrefix(arg, option) {
				return true
			}
		}
	}
	return false
}

// uname returns the output of uname with these arguments on the kernel.
func uname(args []string, kernel Kernel) string {
	fields := []struct{ short, long, value string }{ // in the order of the output
		{"s", "--kernel-name", "Linux"},
		{"n", "--nodename", "localhost"},
		{"r", "--kernel-release", kernel.Release},
		{"v", "--kernel-version", "#1 SMP"},
		{"m", "--machine", kernel.Arch},
		{"p", "--processor", kernel.Arch},
		{"i", "--hardware-platform", kernel.Arch},
		{"o", "--operating-system", "GNU/Linux"},
	}
	var out []string
	for _, field := range fields {
		for _, arg := range args {
			long := strings.HasPrefix(arg, "--")
			if arg == field.long || arg == "--all" || !long && strings.ContainsAny(arg, field.short+"a") {
				out = append(out, field.value)
				break
			}
		}
	}
	if len(out) == 0 {
		return "Linux"
	}
	return strings.Join(out, " ")
}

// openForReading opens files for the shell's redirections and its command source.
func openForReading(ctx context.Context, path string, flag int, perm os.FileMode) (io.ReadWriteCloser, error) {
	if path != os.DevNull && flag&(os.O_WRONLY|os.O_RDWR|os.O_CREATE|os.O_TRUNC|os.O_APPEND) != 0 {
		return nil, &refusedError{
			int(interp.HandlerCtx(ctx).Pos.Line()),
			fmt.Sprintf("writes to %s: kmodtest reads the file without changing anything; move the command to PRE_BUILD", path),
		}
	}
	return interp.DefaultOpenHandler()(ctx, path, flag, perm)
}
