package images

import (
	"bytes"
	_ "embed" // for kernels.toml
	"fmt"
	"strings"
	"sync"

	"github.com/pelletier/go-toml/v2"
)

// Row is a kernel that can be asked for by its name: a row of kernels.toml, where the fields are explained.
type Row struct {
	Name     string  `toml:"name"`
	Default  bool    `toml:"default"`
	Arch     string  `toml:"arch"`
	About    string  `toml:"about"`
	Download int     `toml:"download"` // in MB, about
	Debian   *Debian `toml:"debian"`
}

// Debian says which package of Debian's archive a kernel is.
type Debian struct {
	Suite string `toml:"suite"`
	Image string `toml:"image"` // a pattern as of path.Match
}

//go:embed kernels.toml
var kernelsTOML []byte

var table = sync.OnceValues(func() ([]Row, error) { return parseRows(kernelsTOML) })

// Rows returns the kernels that have a name, in the order of the table: from the oldest to the newest.
func Rows() []Row {
	rows, err := table()
	if err != nil {
		panic(err) // the table is part of the program, and its tests read it
	}
	return append([]Row(nil), rows...)
}

// Names returns the names of Rows.
func Names() []string {
	var names []string
	for _, row := range Rows() {
		names = append(names, row.Name)
	}
	return names
}

// UnknownKernelError is the error for a name that no row has.
type UnknownKernelError struct {
	Name  string   // as asked for
	Names []string // those there are
}

func (e *UnknownKernelError) Error() string {
	return fmt.Sprintf("there is no kernel %q: name one of %s, or give a path (with a slash in it) of a kernel build tree or "+
		"of a directory with boot/vmlinuz-RELEASE and lib/modules/RELEASE", e.Name, strings.Join(e.Names, ", "))
}

// findRow returns the row of that name, or for "" the default.
func findRow(name string) (Row, error) {
	for _, row := range Rows() {
		if row.Name == name || name == "" && row.Default {
			return row, nil
		}
	}
	return Row{}, &UnknownKernelError{Name: name, Names: Names()}
}

func parseRows(text []byte) ([]Row, error) {
	var file struct {
		Kernel []Row `toml:"kernel"`
	}
	if err := toml.NewDecoder(bytes.NewReader(text)).DisallowUnknownFields().Decode(&file); err != nil {
		return nil, fmt.Errorf("read table of kernels: %w", err)
	}
	seen, defaults := map[string]bool{}, 0
	for _, row := range file.Kernel {
		switch {
		case row.Name == "" || isPath(row.Name):
			return nil, fmt.Errorf("read table of kernels: %q cannot be a name", row.Name)
		case seen[row.Name]:
			return nil, fmt.Errorf("read table of kernels: kernel %s is there twice", row.Name)
		case row.Arch == "" || row.Debian == nil || row.Debian.Suite == "" || row.Debian.Image == "":
			return nil, fmt.Errorf("read table of kernels: kernel %s does not say where it comes from", row.Name)
		}
		seen[row.Name] = true
		if row.Default {
			defaults++
		}
	}
	if defaults != 1 {
		return nil, fmt.Errorf("read table of kernels: %d kernels are the default, not 1", defaults)
	}
	return file.Kernel, nil
}
