package matrix

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"

	"github.com/kmodtest/kmodtest/harness/internal/guestrun"
)

// harnessPackage is the package that tests import to run in a machine.
const harnessPackage = "github.com/kmodtest/kmodtest/harness"

// goPackage is a package that matches a pattern.
type goPackage struct {
	path    string // import path
	dir     string
	leftOut string // why it is not run; "" if it is run
	foreign bool   // its tests do not import the harness: kmodtest exec runs them
}

// listed is go list's description of a package or a test binary.
type listed struct {
	ImportPath   string
	Dir          string
	TestGoFiles  []string
	XTestGoFiles []string
	Deps         []string
	DepOnly      bool
	ForTest      string
	Error        *struct{ Err string }
}

// findPackages returns the packages that match the patterns in a directory, sorted
// by import path.
func findPackages(ctx context.Context, dir string, patterns []string) ([]goPackage, error) {
	args := append([]string{"list", "-e", "-test", "-json=ImportPath,Dir,TestGoFiles,XTestGoFiles,Deps,ForTest,Error", "--"}, patterns...)
	out, err := goCommand(ctx, dir, args...)
	if err != nil {
		return nil, fmt.Errorf("list packages: %w", err)
	}
	var all []listed
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var one listed
		if err := dec.Decode(&one); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, fmt.Errorf("list packages: read the output of go list: %w", err)
		}
		all = append(all, one)
	}
	return choosePackages(all)
}

// Dirs returns the directories of packages by their import paths.
func Dirs(ctx context.Context, packages []string) (map[string]string, error) {
	dirs := map[string]string{}
	if len(packages) == 0 { // go list would list the current directory
		return dirs, nil
	}
	found, err := findPackages(ctx, "", packages)
	for _, pkg := range found {
		dirs[pkg.path] = pkg.dir
	}
	return dirs, err
}

func choosePackages(all []listed) ([]goPackage, error) {
	inMachine := map[string]bool{}
	for _, one := range all {
		if path, ok := strings.CutSuffix(one.ImportPath, ".test"); ok {
			inMachine[path] = slices.Contains(one.Deps, harnessPackage)
		}
	}
	var packages []goPackage
	for _, one := range all {
		if one.ForTest != "" || strings.HasSuffix(one.ImportPath, ".test") {
			continue
		}
		if one.Error != nil && one.Dir == "" {
			return nil, fmt.Errorf("list packages: %s", strings.TrimSpace(one.Error.Err))
		}
		pkg := goPackage{path: one.ImportPath, dir: one.Dir}
		switch in, known := inMachine[one.ImportPath]; {
		case len(one.TestGoFiles)+len(one.XTestGoFiles) == 0:
			pkg.leftOut = "it has no tests"
		case known && !in:
			pkg.foreign = true
		}
		packages = append(packages, pkg)
	}
	slices.SortFunc(packages, func(a, b goPackage) int { return strings.Compare(a.path, b.path) })
	return packages, nil
}

// admit leaves out packages whose tests do not import the harness, unless a table [test] of
// kmodtest.toml is for them, or no package imports it. isSet reports whether there is
// such a table for a directory.
func admit(packages []goPackage, isSet func(dir string) bool) {
	own := slices.ContainsFunc(packages, func(p goPackage) bool { return p.leftOut == "" && !p.foreign })
	for i, pkg := range packages {
		if pkg.leftOut == "" && pkg.foreign && own && !isSet(pkg.dir) {
			packages[i].leftOut = "its tests do not import " + harnessPackage + ", and no table [test] of " + guestrun.FileName + " is for it"
		}
	}
}

// OnHost returns the packages below a directory whose tests go test runs on this system, as
// they do not import the harness. others reports whether any package there does.
func OnHost(ctx context.Context, dir string) (packages []string, others bool, err error) {
	found, err := findPackages(ctx, dir, []string{"./..."})
	for _, pkg := range found {
		switch {
		case pkg.foreign:
			packages = append(packages, pkg.path)
		case pkg.leftOut == "":
			others = true
		}
	}
	return packages, others, err
}

// compile builds the package's test binary. The error has the compiler's
// messages.
func (p goPackage) compile(ctx context.Context, binary string) error {
	_, err := goCommand(ctx, p.dir, "test", "-c", "-o", binary, ".")
	return err
}

// commandError is the failure of a program, with the program's own messages.
type commandError struct {
	command string
	output  string
	err     error
}

func (e *commandError) Error() string {
	return fmt.Sprintf("%s: %v\n%s", e.command, e.err, strings.TrimSpace(e.output))
}

func (e *commandError) Unwrap() error { return e.err }

// goCommand runs the go command and returns its standard output.
func goCommand(ctx context.Context, dir string, args ...string) ([]byte, error) {
	return output(ctx, dir, "go", args...)
}

// output runs a program in dir and returns its standard output.
func output(ctx context.Context, dir, program string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = dir
	setOwnGroup(cmd)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, &commandError{program + " " + args[0], stderr.String(), err}
	}
	return out, nil
}
