// Package request is what a test binary asks of kmodtest-run, the program that
// leads a run on the host. The test binary itself is uploaded and started in
// each guest, where all that is linked into it has its price; so it holds none
// of the host's work, and turns into that program instead.
package request

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Request is one run of a package's tests.
type Request struct {
	// Started is when the test binary was.
	Started time.Time
	// Parent is the process that had started it.
	Parent int
	// Config is the package's, with absolute paths.
	Config Config
	// Binary is the test binary's path, and Name its first argument.
	Binary, Name string
	// Dir is the package's directory, and Cwd where the binary was started.
	Dir, Cwd string
	// Flags are those given on the command line, in their order, and Rest the
	// arguments behind them.
	Flags []Flag
	Rest  []string
	// Values are those of all flags of the testing package, given or not,
	// without their leading dash: "test.v".
	Values map[string]string
}

// Config mirrors harness.Config.
type Config struct {
	Modules         []string
	KernelModules   []string
	OptionalModules []string
	Programs        []string
	Files           []string
	Kernel          string
	CPUs            int
	Memory          int
	Fresh           bool
	Allow           []string
	Machines        int
}

// With returns the request with another value of a flag, for whoever parses its
// Flags and for who looks at its Values.
func (r Request) With(name, value string) Request {
	r = r.Without(name)
	r.Flags = append(r.Flags, Flag{name, value})
	r.Values[name] = value
	return r
}

// Without returns the request as if a flag had not been given, and had no value.
func (r Request) Without(name string) Request {
	r.Flags = slices.DeleteFunc(slices.Clone(r.Flags), func(f Flag) bool { return f.Name == name })
	r.Values = maps.Clone(r.Values)
	delete(r.Values, name)
	return r
}

// Fuzzes tells whether the tests are to fuzz, beyond the inputs that there are.
func (r Request) Fuzzes() bool { return r.Values["test.fuzz"] != "" }

// Flag is a flag of a command line, its name without a leading dash.
type Flag struct{ Name, Value string }

// String returns the flag as it stands on a command line.
func (f Flag) String() string { return "-" + f.Name + "=" + f.Value }

// file is the descriptor through which a program gets its request.
const file = 3

// Become turns this process into the program at path, and hands it the request.
// It returns only if that can not be.
func Become(path string, r Request) error {
	fd, err := unix.MemfdCreate("kmodtest-request", 0)
	if err != nil {
		return fmt.Errorf("make a file for the request: %w", err)
	}
	f := os.NewFile(uintptr(fd), "request")
	if err := json.NewEncoder(f).Encode(r); err != nil {
		return fmt.Errorf("write the request: %w", err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("write the request: %w", err)
	}
	// Whatever had this number, it was not to be inherited: Go closes on exec
	// all files but those that it is told of.
	if fd != file {
		if err := unix.Dup2(fd, file); err != nil {
			return fmt.Errorf("hand on the request: %w", err)
		}
		_ = unix.Close(fd)
	}
	err = syscall.Exec(path, []string{path}, os.Environ())
	return fmt.Errorf("start %s: %w", path, err)
}

// Receive returns the request that this process was started with.
func Receive() (Request, error) {
	var r Request
	f := os.NewFile(file, "request")
	unix.CloseOnExec(file)
	defer f.Close()
	if err := json.NewDecoder(f).Decode(&r); err != nil {
		return r, errors.Join(errors.New("this program is started by the test binaries of packages that call harness.Main, and by nobody else"), err)
	}
	return r, nil
}
