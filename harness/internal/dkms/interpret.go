package dkms

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"
)

// readingTime is how long a dkms.conf may take.
const readingTime = 30 * time.Second

// Places that a dkms.conf may use as $dkms_tree and $source_tree. They are marks
// that commands contain until relocate replaces them: the directory of the build is
// not known before.
const (
	treeMark   = "/@dkms_tree@"
	sourceMark = "/@source_tree@"

	defaultTree   = "/var/lib/dkms"
	defaultSource = "/usr/src"
)

// file is a dkms.conf that has been interpreted.
type file struct {
	path   string
	values map[string]map[int]string // of the directives, by index; a plain variable has index 0
	lines  map[string]int            // where a directive was set
	said   string                    // what the file printed to its standard error
}

// interpret runs the text of a dkms.conf and returns the directives that it has set.
func interpret(ctx context.Context, path string, text []byte, kernel Kernel) (*file, error) {
	parsed, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(bytes.NewReader(text), path)
	var wrong syntax.ParseError
	if errors.As(err, &wrong) {
		return nil, &Error{Path: path, Line: int(wrong.Pos.Line()), Problem: "not understood: " + wrong.Text}
	}
	if err != nil {
		return nil, &Error{Path: path, Problem: "not understood: " + err.Error()}
	}
	var said bytes.Buffer
	runner, err := interp.New(
		interp.Env(variables(path, kernel)),
		interp.Dir(filepath.Dir(path)),
		interp.StdIO(nil, nil, &said),
		interp.OpenHandler(openForReading),
		interp.ExecHandlers(allowed(kernel)),
	)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	ctx, cancel := context.WithTimeout(ctx, readingTime)
	defer cancel()
	f := &file{path: path, values: map[string]map[int]string{}, lines: map[string]int{}}
	for _, stmt := range parsed.Stmts { // one at a time, to know which one set a directive
		err := runner.Run(ctx, stmt)
		line := int(stmt.Pos().Line())
		var status interp.ExitStatus
		switch {
		case ctx.Err() != nil:
			return nil, &Error{Path: path, Line: line, Problem: fmt.Sprintf("takes longer than %v", readingTime)}
		case err != nil && !errors.As(err, &status):
			return nil, f.failure(line, err)
		case runner.Exited() && err != nil:
			return nil, &Error{Path: path, Line: line, Problem: fmt.Sprintf("ends with exit status %d%s", status, withOutput(said.String()))}
		}
		f.note(stmt, runner.Vars)
		if runner.Exited() {
			break
		}
	}
	f.said = strings.TrimSpace(said.String())
	return f, nil
}

// variables are those that DKMS sets before it reads the file.
func variables(path string, kernel Kernel) expand.Environ {
	return expand.ListEnviron(append(os.Environ(),
		"kernelver="+kernel.Release,
		"kernel_source_dir="+kernel.Build,
		"arch="+kernel.Arch,
		"dkms_tree="+treeMark,
		"source_tree="+sourceMark,
		"BASH_SOURCE="+path,
		"LC_ALL=C",
	)...)
}

// failure returns the error of a statement. A refusedError has its own line.
func (f *file) failure(line int, err error) error {
	var refused *refusedError
	if errors.As(err, &refused) && refused.line > 0 {
		line = refused.line
	}
	return &Error{Path: f.path, Line: line, Problem: err.Error()}
}

func withOutput(said string) string {
	if said = strings.TrimSpace(said); said == "" {
		return ""
	}
	return ": " + said
}

// note records the directives that a statement has changed.
func (f *file) note(stmt *syntax.Stmt, vars map[string]expand.Variable) {
	for name, v := range vars {
		if !isDirective(name) {
			continue
		}
		values := elements(v)
		if equal(values, f.values[name]) {
			continue
		}
		f.values[name] = values
		f.lines[name] = lineOf(stmt, name)
	}
}

func equal(a, b map[int]string) bool {
	if len(a) != len(b) {
		return false
	}
	for i, value := range a {
		if other, ok := b[i]; !ok || value != other {
			return false
		}
	}
	return true
}

// elements returns the values of a variable, without empty ones.
func elements(v expand.Variable) map[int]string {
	values := map[int]string{}
	add := func(i int, value string) {
		if value != "" {
			values[i] = value
		}
	}
	switch v.Kind {
	case expand.Indexed:
		for at, value := range v.List {
			if v.Indexes != nil {
				add(v.Indexes[at], value)
			} else {
				add(at, value)
			}
		}
	default:
		add(0, v.String())
	}
	return values
}

// lineOf returns the line in a statement that assigns a variable, or the line of the
// statement if several do.
func lineOf(stmt *syntax.Stmt, name string) int {
	var lines []int
	syntax.Walk(stmt, func(node syntax.Node) bool {
		if a, ok := node.(*syntax.Assign); ok && a.Name != nil && a.Name.Value == name {
			lines = append(lines, int(a.Pos().Line()))
		}
		return true
	})
	if len(lines) == 1 {
		return lines[0]
	}
	return int(stmt.Pos().Line())
}

// directives are the variables of dkms.conf that this package uses.
var directives = []string{
	"PACKAGE_NAME", "PACKAGE_VERSION", "MAKE", "MAKE_MATCH", "PRE_BUILD", "PATCH", "PATCH_MATCH", "BUILD_DEPENDS",
	"BUILT_MODULE_NAME", "BUILT_MODULE_LOCATION", "DEST_MODULE_NAME", "DEST_MODULE_LOCATION",
	"BUILD_EXCLUSIVE_KERNEL", "BUILD_EXCLUSIVE_KERNEL_MIN", "BUILD_EXCLUSIVE_KERNEL_MAX",
	"BUILD_EXCLUSIVE_CONFIG", "BUILD_EXCLUSIVE_ARCH", "OBSOLETE_BY",
}

func isDirective(name string) bool { return slices.Contains(directives, name) }
