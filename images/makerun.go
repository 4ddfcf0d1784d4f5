package images

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/kmodtest/kmodtest/images/internal/command"
)

// BuildError is a build of a kernel that failed.
type BuildError struct {
	Target string // of make
	Log    string // path of all that make said; it stays until the next build
	Output string // of that, what tells of errors
	Err    error  // how make ended
}

func (e *BuildError) Error() string {
	return fmt.Sprintf("make %s: %v\n%s\nall that was said is in %s", e.Target, e.Err, e.Output, e.Log)
}

// Unwrap returns how make ended; when the disk was full, errors.Is finds ENOSPC.
func (e *BuildError) Unwrap() []error {
	if strings.Contains(strings.ToLower(e.Output), unix.ENOSPC.Error()) {
		return []error{e.Err, unix.ENOSPC}
	}
	return []error{e.Err}
}

// makeRun runs make in a tree of a kernel's sources.
type makeRun struct {
	dir       string
	variables []string // NAME=VALUE, of the row's
	log       *os.File
}

// run makes a target; watch gets what make prints, if it is not nil.
func (m *makeRun) run(ctx context.Context, watch io.Writer, args ...string) error {
	path, err := command.Find("make", "make")
	if err != nil {
		return err
	}
	var said bytes.Buffer
	tee := []io.Writer{m.log, &said}
	if watch != nil {
		tee = append(tee, watch)
	}
	all := append([]string{"-C", m.dir, fmt.Sprintf("-j%d", runtime.GOMAXPROCS(0)+1)}, args...)
	_, err = command.Command{
		Path: path,
		Args: append(all, m.variables...),
		Env:  []string{"KBUILD_BUILD_USER=kmodtest", "KBUILD_BUILD_HOST=kmodtest"},
		// What a make above us has left there, and what would build another kernel than the row's.
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
	return &BuildError{Target: args[0], Log: m.log.Name(), Output: tellingLines(said.Bytes()), Err: failed.Err}
}

var telling = regexp.MustCompile(`(?i)\berror\b|\*\*\*|undefined reference|no such file|not found|no space left`)

// tellingLines returns the lines of a build's output that say what went wrong, or else the last ones.
func tellingLines(output []byte) string {
	const most = 20
	lines := strings.Split(strings.TrimSpace(string(output)), "\n")
	var found []string
	for _, line := range lines {
		if telling.MatchString(line) && len(found) < most {
			found = append(found, line)
		}
	}
	if len(found) == 0 {
		found = lines[max(0, len(lines)-most):]
	}
	return strings.Join(found, "\n")
}
