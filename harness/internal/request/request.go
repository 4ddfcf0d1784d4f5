// Package request defines the request that a test binary passes to kmodtest-run, the
// program that controls a run on the host. The test binary is uploaded and started in
// each guest, where every package that it links costs time. So it does none of the
// host's work itself: it becomes that program with execve(2).
package request

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Request is one run of a package's tests.
type Request struct {
	// Started is the time at which the test binary was started.
	Started time.Time
	// Parent is the process ID of its parent.
	Parent int
	// Kind is what Binary is.
	Kind Kind
	// Exec are the arguments of kmodtest that made go test start Binary with it; none if
	// the package's own TestMain asks.
	Exec []string
	// Shell is nil unless the program is attached to the user's terminal or input.
	Shell *Shell
	// Source is a directory of this project's module, from which PID 1 is built; ""
	// means the version that the module of Dir requires.
	Source string
	// Config is the package's configuration, with absolute paths.
	Config Config
	// Arguments are QEMU's arguments from Config.Devices. Relative paths in them
	// start from ArgumentsDir.
	Arguments    []string
	ArgumentsDir string
	// Binary is the path of the test binary, and Name its first argument.
	Binary, Name string
	// Dir is the directory of the package, and Cwd the working directory of the
	// binary.
	Dir, Cwd string
	// Flags are the flags of the command line, in order, and Rest the arguments
	// after them.
	Flags []Flag
	Rest  []string
	// CoverDir is the directory for coverage data of programs that the tests start,
	// the variable GOCOVERDIR as an absolute path; "" for none.
	CoverDir string
	// CoverMode is the -covermode that Binary was built with; "" if it was built without
	// -cover, or is not known.
	CoverMode string
	// Values are the values of all flags of the testing package, set or not.
	// The keys have no leading dash: "test.v".
	Values map[string]string
}

// Kind is the kind of program that runs in the guest.
type Kind string

// The kinds of programs.
const (
	OwnMain Kind = ""        // a test binary whose TestMain calls harness.Main
	Foreign Kind = "test"    // a test binary without our code; Rest follows the flags as it is
	Program Kind = "program" // any program; Rest has its arguments
)

// Config mirrors harness.Config.
type Config struct {
	Modules         []string
	Builds          []Build
	KernelModules   []string
	OptionalModules []string
	LoadModules     []string
	Programs        []string
	Files           []string
	Host            string
	Keep            []string // PATTERN or PATTERN:DIRECTORY
	Env             []string
	Kernel          string
	CPUs            int
	Memory          int
	NUMA            int
	KernelArgs      []string // with those from Devices
	Fresh           bool
	Allow           []string
	Machines        int
	Coverage        Coverage
	FaultWalk       bool
}

// Coverage mirrors harness.Coverage.
type Coverage struct {
	Dir             string
	Lines, Branches float64
}

// Build mirrors harness.Build.
type Build struct {
	Root    string
	Dirs    []string
	Make    []string
	Prepare string
	Command string
	Load    []string
}

// With returns a copy of the request in which a flag has another value, in Flags and
// in Values.
func (r Request) With(name, value string) Request {
	r = r.Without(name)
	r.Flags = append(r.Flags, Flag{name, value})
	r.Values[name] = value
	return r
}

// Without returns a copy of the request without a flag, in Flags and in Values.
func (r Request) Without(name string) Request {
	r.Flags = slices.DeleteFunc(slices.Clone(r.Flags), func(f Flag) bool { return f.Name == name })
	r.Values = maps.Clone(r.Values)
	delete(r.Values, name)
	return r
}

// WithRemainingTime returns a copy of the request with the time that remains of the
// -test.timeout of the user's request.
func (r Request) WithRemainingTime(user Request) Request {
	timeout, err := time.ParseDuration(user.Values["test.timeout"])
	if err != nil || timeout <= 0 {
		return r
	}
	return r.With("test.timeout", max(timeout-time.Since(user.Started), time.Second).String())
}

// Fuzzes reports whether the run generates new inputs, as with go test -fuzz.
func (r Request) Fuzzes() bool { return r.Values["test.fuzz"] != "" }

// Repeats reports whether tests run several times that the host can only select by name.
func (r Request) Repeats() bool {
	return r.Kind == Foreign && strings.Contains(r.Values["test.cpu"], ",")
}

// Flag is a flag of a command line. Its name has no leading dash.
type Flag struct{ Name, Value string }

// String returns the flag in the form -name=value.
func (f Flag) String() string { return "-" + f.Name + "=" + f.Value }

// file is the file descriptor of the request in the new program.
const file = 3

// write returns a new file with the request, from its start.
func (r Request) write() (*os.File, error) {
	fd, err := unix.MemfdCreate("kmodtest-request", 0)
	if err != nil {
		return nil, fmt.Errorf("make a file for the request: %w", err)
	}
	f := os.NewFile(uintptr(fd), "request")
	if err := json.NewEncoder(f).Encode(r); err != nil {
		return nil, fmt.Errorf("write the request: %w", err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, fmt.Errorf("write the request: %w", err)
	}
	return f, nil
}

// Command returns the program at path as a command that gets the request.
func Command(path string, r Request) (*exec.Cmd, error) {
	f, err := r.write()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(path) //nolint:noctx // the caller decides how it ends
	cmd.ExtraFiles = []*os.File{file - 3: f}
	return cmd, nil
}

// Become replaces this process by the program at path and passes it the request. It
// returns only an error.
func Become(path string, r Request) error {
	f, err := r.write()
	if err != nil {
		return err
	}
	fd := int(f.Fd())
	// A file that has this number now was not meant to be inherited: Go sets
	// close-on-exec on all files that it opens.
	if fd != file {
		if err := unix.Dup2(fd, file); err != nil {
			return fmt.Errorf("pass on the request: %w", err)
		}
		_ = unix.Close(fd)
	}
	err = syscall.Exec(path, []string{path}, os.Environ())
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("start %s: %w; if its file system is mounted with noexec, choose another cache with XDG_CACHE_HOME", path, err)
	}
	return fmt.Errorf("start %s: %w", path, err)
}

// Receive returns the request that Become passed to this process.
func Receive() (Request, error) {
	var r Request
	f := os.NewFile(file, "request")
	unix.CloseOnExec(file)
	defer f.Close()
	if err := json.NewDecoder(f).Decode(&r); err != nil {
		return r, errors.Join(errors.New("this program is started only by test binaries of packages that call harness.Main"), err)
	}
	return r, nil
}
