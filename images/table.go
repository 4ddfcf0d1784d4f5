package images

import (
	_ "embed" // for kernels.toml
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/kmodtest/kmodtest/images/arch"
	"github.com/kmodtest/kmodtest/images/internal/files"
)

// tableFile is the name of a table of kernels.
const tableFile = "kernels.toml"

//go:embed kernels.toml
var kernelsTOML []byte

var ownRows = sync.OnceValues(func() ([]Row, error) { return parseRows(kernelsTOML) })

// Rows returns the kernels of kmodtest's own table for all architectures, in the order of the table.
func Rows() []Row {
	rows, err := ownRows()
	if err != nil {
		panic(err) // the table is embedded in the program and covered by tests
	}
	return slices.Clone(rows)
}

// RowsFor returns the kernels that have a name for a package in dir: the rows of kmodtest's own table,
// and of a file kernels.toml in the directory of the package's go.mod, the first one upwards from dir.
// A row of that file replaces kmodtest's rows of the same name completely, those for other architectures
// included, and its default replaces kmodtest's default.
func RowsFor(dir string) ([]Row, error) {
	rows := Rows()
	path, err := findTable(dir)
	if err != nil || path == "" {
		return rows, err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read table of kernels: %w", err)
	}
	theirs, err := parseRows(text)
	if err != nil {
		return nil, fmt.Errorf("read table of kernels %s: %w", path, err)
	}
	for i := range theirs {
		theirs[i].Table = path
	}
	return withTheirs(rows, theirs), nil
}

// withTheirs returns kmodtest's rows with those of a user's table: at the place of the first of kmodtest's rows of the same
// name, or at the end.
func withTheirs(own, theirs []Row) []Row {
	if slices.ContainsFunc(theirs, func(r Row) bool { return r.Default }) {
		for i := range own {
			own[i].Default = false
		}
	}
	var rows []Row
	placed := map[string]bool{} // names
	place := func(name string, isDefault bool) (some bool) {
		for _, row := range theirs {
			if row.base() == name {
				row.Default = row.Default || isDefault && row.Arch == arch.Host().Name
				rows, some = append(rows, row), true
			}
		}
		return some
	}
	for _, row := range own {
		name := row.base()
		if !placed[name] && place(name, row.Default) {
			placed[name] = true
		}
		if !placed[name] {
			rows = append(rows, row)
		}
	}
	for _, row := range theirs {
		if name := row.base(); !placed[name] {
			placed[name] = place(name, false)
		}
	}
	return rows
}

// findTable returns the path of the table in the directory of the first go.mod from dir upwards, or ""
// if there is none.
func findTable(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("look for a table of kernels: %w", err)
	}
	for ; ; dir = filepath.Dir(dir) {
		if files.Is(filepath.Join(dir, "go.mod")) {
			break
		}
		if dir == filepath.Dir(dir) {
			return "", nil
		}
	}
	path := filepath.Join(dir, tableFile)
	switch _, err := os.Stat(path); {
	case errors.Is(err, fs.ErrNotExist):
		return "", nil
	case err != nil:
		return "", fmt.Errorf("look for a table of kernels: %w", err)
	}
	return path, nil
}

func namesOf(rows []Row) []string {
	var names []string
	for _, row := range rows {
		names = append(names, row.Name)
	}
	return names
}

// Names returns the names of Rows.
func Names() []string { return namesOf(Rows()) }

// UnknownKernelError reports that no row has the name.
type UnknownKernelError struct {
	Name  string   // as asked for
	Names []string // of all rows
}

func (e *UnknownKernelError) Error() string {
	return fmt.Sprintf("there is no kernel %q: name one of %s, or the path (with a slash) of a kernel build tree or "+
		"of a directory with boot/vmlinuz-RELEASE and lib/modules/RELEASE", e.Name, strings.Join(namesLike(e.Name, e.Names), ", "))
}

// namesLike returns those of the names that have an architecture if name has one, else the others.
func namesLike(name string, names []string) []string {
	_, goarch := SplitName(name)
	return slices.DeleteFunc(slices.Clone(names), func(n string) bool {
		_, other := SplitName(n)
		return (other == "") != (goarch == "")
	})
}

// findRow returns the row of that name; without a name before the @, the default row.
func findRow(rows []Row, name string) (Row, error) {
	base, goarch := SplitName(name)
	if i := slices.IndexFunc(rows, func(r Row) bool { return r.Default }); base == "" && i >= 0 {
		base = rows[i].base()
	}
	for _, row := range rows {
		if row.Name == WithArch(base, goarch) {
			return row, nil
		}
	}
	return Row{}, &UnknownKernelError{Name: name, Names: namesOf(rows)}
}
