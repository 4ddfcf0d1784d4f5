// Package guestrun runs programs in a guest that do not call harness.Main: test binaries
// of any package, and any other program. The configuration comes from flags and from the
// file kmodtest.toml.
package guestrun

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/kmodtest/kmodtest/harness/internal/request"
	"github.com/kmodtest/kmodtest/harness/internal/tomlerror"
)

// FileName is the name of the file with the configuration. It is beside go.mod or in a
// directory below; the nearest one above a package is for it.
const FileName = "kmodtest.toml"

// Table is the table [test] of the file. Its fields are those of harness.Config.
type Table struct {
	Modules         []string         `toml:"modules"`
	Builds          []request.Build  `toml:"builds"`
	KernelModules   []string         `toml:"kernel_modules"`
	OptionalModules []string         `toml:"optional_modules"`
	LoadModules     []string         `toml:"load_modules"`
	Programs        []string         `toml:"programs"`
	Files           []string         `toml:"files"`
	Host            string           `toml:"host"`
	Keep            []string         `toml:"keep"`
	Env             []string         `toml:"env"`
	Kernel          string           `toml:"kernel"`
	CPUs            int              `toml:"cpus"`
	Memory          int              `toml:"memory"`
	NUMA            int              `toml:"numa"`
	KernelArgs      []string         `toml:"kernel_args"`
	Fresh           bool             `toml:"fresh"`
	Allow           []string         `toml:"allow"`
	Machines        int              `toml:"machines"`
	Coverage        request.Coverage `toml:"coverage"`
	FaultWalk       bool             `toml:"fault_walk"`
}

// FindFile returns the path of the file for a package in dir, or "". The file
// is in the nearest directory at or above dir, up to the one with go.mod.
func FindFile(dir string) string {
	for ; ; dir = filepath.Dir(dir) {
		path := filepath.Join(dir, FileName)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path
		}
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil || dir == filepath.Dir(dir) {
			return ""
		}
	}
}

// HasTable reports whether a table [test] is for a package in dir.
func HasTable(dir string) bool {
	path := FindFile(dir)
	text, err := os.ReadFile(path)
	if path == "" || err != nil {
		return false
	}
	var file struct {
		Test any `toml:"test"`
	}
	return toml.Unmarshal(text, &file) != nil || file.Test != nil // the run reports what is wrong with it
}

// ReadFile returns the configuration in the file at path, with absolute paths. A key that
// it does not know is an error that names the line.
func ReadFile(path string) (Table, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return Table{}, err
	}
	var file file
	decoder := toml.NewDecoder(bytes.NewReader(text)).DisallowUnknownFields()
	if err := decoder.Decode(&file); err != nil {
		return Table{}, fmt.Errorf("%s:%s", path, describe(err))
	}
	file.Test.Resolve(filepath.Dir(path))
	return file.Test, nil
}

// describe returns the line and the reason of an error of the decoder.
func describe(err error) string {
	var unknown *toml.StrictMissingError
	var bad *toml.DecodeError
	switch {
	case errors.As(err, &unknown) && len(unknown.Errors) > 0:
		first := unknown.Errors[0]
		line, _ := first.Position()
		return fmt.Sprintf("%d: %s", line, tomlerror.Unknown[file](first.Key()))
	case errors.As(err, &bad):
		line, _ := bad.Position()
		return fmt.Sprintf("%d: %s", line, tomlerror.Reason(bad))
	}
	return " " + err.Error()
}

// file is all of a kmodtest.toml.
type file struct {
	Test   Table `toml:"test"`
	Matrix any   `toml:"matrix"` // package plan reads it
}

// Resolve makes relative paths absolute; they start from dir.
func (t *Table) Resolve(dir string) {
	if abs, err := filepath.Abs(dir); err == nil { // it fails only if the working directory is gone
		dir = abs
	}
	for _, list := range []*[]string{&t.Modules, &t.Programs, &t.Files} {
		*list = slices.Clone(*list)
		for i, path := range *list {
			if list != &t.Files || strings.Contains(path, "/") { // a file without a slash is a program in PATH
				(*list)[i] = absolute(dir, path)
			}
		}
	}
	t.Keep = slices.Clone(t.Keep)
	for i, rule := range t.Keep {
		t.Keep[i] = request.AbsoluteKeep(dir, rule)
	}
	t.Builds = slices.Clone(t.Builds)
	for i := range t.Builds {
		t.Builds[i].Root = absolute(dir, t.Builds[i].Root)
	}
	if t.Coverage.Dir != "" {
		t.Coverage.Dir = absolute(dir, t.Coverage.Dir)
	}
	if strings.HasPrefix(t.Kernel, ".") || strings.Contains(t.Kernel, "/") {
		t.Kernel = absolute(dir, t.Kernel)
	}
}

func absolute(dir, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(dir, path)
}

// with returns the table with the values of another added: lists get longer, other values
// that are set replace those of t.
func (t Table) with(flags Table) Table {
	into, from := reflect.ValueOf(&t).Elem(), reflect.ValueOf(flags)
	for i := range into.NumField() {
		switch value := from.Field(i); {
		case value.Kind() == reflect.Slice:
			list := reflect.AppendSlice(reflect.Zero(value.Type()), into.Field(i)) // a copy
			into.Field(i).Set(reflect.AppendSlice(list, value))
		case !value.IsZero():
			into.Field(i).Set(value)
		}
	}
	return t
}

// Config returns the configuration for a program that runs in dir: that of the nearest
// file, and of the flags, whose relative paths start from cwd.
func Config(dir, cwd string, flags Table) (request.Config, error) {
	var table Table
	if path := FindFile(dir); path != "" {
		var err error
		if table, err = ReadFile(path); err != nil {
			return request.Config{}, err
		}
	}
	flags.Resolve(cwd)
	table = table.with(flags)
	if table.CPUs < 0 || table.Memory < 0 || table.NUMA < 0 || table.Machines < 0 {
		return request.Config{}, fmt.Errorf("cpus is %d, memory %d, numa %d and machines %d; none may be negative",
			table.CPUs, table.Memory, table.NUMA, table.Machines)
	}
	for _, module := range table.Modules {
		if _, err := os.Stat(module); errors.Is(err, fs.ErrNotExist) {
			return request.Config{}, fmt.Errorf("module %s does not exist", module)
		}
	}
	return request.Config(table), nil
}

// isSet reports whether any value is set.
func (t Table) isSet() bool {
	for _, f := range reflect.ValueOf(t).Fields() {
		if f.Kind() == reflect.Slice && f.Len() > 0 || f.Kind() != reflect.Slice && !f.IsZero() {
			return true
		}
	}
	return false
}
