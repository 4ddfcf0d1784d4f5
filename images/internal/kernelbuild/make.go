package kernelbuild

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/images/internal/command"
)

// BuildError reports that the build of a kernel failed.
type BuildError struct {
	Target string // of make
	Log    string // path of make's complete output; it stays until the next build
	Output string // the lines of that output that report errors
	Err    error  // how make ended
}

func (e *BuildError) Error() string {
	return fmt.Sprintf("make %s: %v\n%s\nthe complete log is %s", e.Target, e.Err, e.Output, e.Log)
}

// Unwrap returns Err, and ENOSPC if the disk was full.
func (e *BuildError) Unwrap() []error {
	if strings.Contains(strings.ToLower(e.Output), unix.ENOSPC.Error()) {
		return []error{e.Err, unix.ENOSPC}
	}
	return []error{e.Err}
}

// make makes a target; watch gets make's output, if it is not nil. If make fails, the error is a
// *BuildError.
func (t *Tree) make(ctx context.Context, watch io.Writer, args ...string) error {
	path, err := command.Find("make", "make")
	if err != nil {
		return err
	}
	var said bytes.Buffer
	tee := []io.Writer{t.Log, &said}
	if watch != nil {
		tee = append(tee, watch)
	}
	all := append([]string{"-C", t.Dir, fmt.Sprintf("-j%d", runtime.GOMAXPROCS(0)+1)}, args...)
	if !t.Arch.IsHost() {
		all = append(all, "ARCH="+t.Arch.Make, "CROSS_COMPILE="+t.Arch.Prefix())
	}
	_, err = command.Command{
		Path: path,
		Args: append(all, t.Variables...),
		Env:  []string{"KBUILD_BUILD_USER=kmodtest", "KBUILD_BUILD_HOST=kmodtest"},
		// Variables of a make that started this process, and variables that would change the kernel.
		Unset: []string{
			"MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "ARCH", "SRCARCH", "CROSS_COMPILE", "KBUILD_OUTPUT", "O", "M", "V", "W",
			"LLVM", "KCFLAGS", "KCPPFLAGS", "KAFLAGS", "KCONFIG_CONFIG", "LOCALVERSION", "KBUILD_EXTMOD", "INSTALL_MOD_PATH",
		},
		Tee: io.MultiWriter(tee...),
	}.Run(ctx)
	var failed *command.Error
	if !errors.As(err, &failed) {
		return err
	}
	return &BuildError{Target: args[0], Log: t.Log.Name(), Output: errorLines(said.Bytes()), Err: failed.Err}
}

var reportsError = regexp.MustCompile(`(?i)\berror\b|\*\*\*|undefined reference|no such file|not found|no space left`)

// errorLines returns the lines of a build's output that report errors, or else the last lines.
func errorLines(output []byte) string {
	const most = 20
	lines := strings.Split(strings.TrimSpace(string(output)), "\n")
	var found []string
	for _, line := range lines {
		if reportsError.MatchString(line) && len(found) < most {
			found = append(found, line)
		}
	}
	if len(found) == 0 {
		found = lines[max(0, len(lines)-most):]
	}
	return strings.Join(found, "\n")
}
