package request

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
)

// ShellVariable is the environment variable with a Shell, as JSON, that runs instead of
// the tests of a package. Its test binary passes it on to kmodtest-run.
const ShellVariable = "KMODTEST_SHELL"

// Shell is a program that has the standard input of kmodtest-run, and a terminal in the
// guest if kmodtest-run has one.
type Shell struct {
	Path  string   // of the program
	Args  []string // Args[0] is the program's name
	Tools []string // paths of programs and files that the guest gets, with their libraries
	// TestBinary is the path of a test binary that the guest gets in its PATH, under the
	// name TestName; "" for none.
	TestBinary, TestName string
}

// WithShell returns a copy of a request in which a shell runs instead of the tests.
func (r Request) WithShell(s Shell) Request {
	r.Kind, r.Shell = Program, &s
	r.Binary, r.Name, r.Rest = s.Path, s.Args[0], s.Args[1:]
	r.Flags, r.Values = nil, map[string]string{}
	return r
}

// OrShell returns the request with the shell in ShellVariable, or the request itself if
// there is none. It removes the variable.
func (r Request) OrShell() (Request, error) {
	text := os.Getenv(ShellVariable)
	if text == "" {
		return r, nil
	}
	var s Shell
	err := json.Unmarshal([]byte(text), &s)
	if err == nil && len(s.Args) == 0 {
		err = errors.New("it has no arguments")
	}
	if err != nil {
		return r, fmt.Errorf("%s, which only kmodtest shell sets, is not valid: %w", ShellVariable, err)
	}
	return r.WithShell(s), os.Unsetenv(ShellVariable)
}
