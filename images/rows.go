package images

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/kmodtest/kmodtest/images/arch"
	"github.com/kmodtest/kmodtest/images/internal/sourcetree"
)

// Row is a kernel that has a name: a row of kernels.toml, where the fields are explained, for one of its architectures.
type Row struct {
	Name     string `toml:"name"`    // in the table without the architecture; it has one if it is not the host's: WithArch
	Default  bool   `toml:"default"` // only for the host's architecture
	Extra    bool   `toml:"extra"`   // used only if it is named
	Arch     string `toml:"arch"`    // GOARCH; in the table all architectures, separated by spaces
	About    string `toml:"about"`
	Download int    `toml:"download"` // approximate size in MB
	// Snapshots are dates of an archive that keeps all its versions. In the table, each makes a row of its own: NAME-DATE.
	Snapshots []string `toml:"snapshots"`

	Apt    *Apt    `toml:"apt"`    // packages of a kernel that is fetched with apt
	RPM    *RPM    `toml:"rpm"`    // packages of a kernel that is fetched from RPM repositories
	Pacman *Pacman `toml:"pacman"` // packages of a kernel that is fetched from repositories of Arch Linux
	OCI    *OCI    `toml:"oci"`    // image of a kernel that is fetched from a registry
	Source *Source `toml:"source"` // source of a kernel that is built; exactly one of these is set

	// Table is the path of the kernels.toml that has the row; "" for kmodtest's own table.
	Table string `toml:"-"`

	target arch.Arch // that of Arch
}

// Source describes the sources and the configuration of a kernel.
type Source = sourcetree.Source

// provider returns where the kernel is fetched from, or nil if it is built from source.
func (row Row) provider() provider {
	switch {
	case row.Apt != nil:
		return row.Apt
	case row.RPM != nil:
		return fromRepository{row.RPM}
	case row.Pacman != nil:
		return fromRepository{row.Pacman}
	case row.OCI != nil:
		return fromRepository{row.OCI}
	}
	return nil
}

// tables returns the number of tables that say where the kernel comes from.
func (row Row) tables() int {
	n := 0
	for _, has := range []bool{row.Apt != nil, row.RPM != nil, row.Pacman != nil, row.OCI != nil, row.Source != nil} {
		if has {
			n++
		}
	}
	return n
}

// file returns the path of a file that a row names: relative to its table. "" stays "".
func (row Row) file(name string) string {
	if name == "" || filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(filepath.Dir(row.Table), name)
}

// size returns the size of the download as the end of a list, or "" if the table does not have it.
func (row Row) size() string {
	if row.Download == 0 {
		return ""
	}
	return fmt.Sprintf(", %d MB", row.Download)
}

// origin describes the origin of a row's kernel in a few words.
func (row Row) origin() string {
	switch {
	case row.provider() != nil:
		return row.provider().Origin()
	case row.Source.Package != "":
		return "source, Debian " + row.Source.Suite
	case row.Source.URL != "":
		return "source, " + row.Source.URL
	case row.Source.Ref != "":
		return "source, " + row.Source.Path + " at " + row.Source.Ref
	default:
		return "source, " + row.Source.Path
	}
}

var rowName = regexp.MustCompile(`^[0-9A-Za-z_][0-9A-Za-z_.+-]*$`)

func (row Row) check() error {
	if !rowName.MatchString(row.Name) || isPath(row.Name) {
		return fmt.Errorf("%q cannot be a name: a name has only letters, digits and any of _ . + -, and does not begin with any of . + -", row.Name)
	}
	for name := range strings.FieldsSeq(row.Arch) {
		if _, err := arch.Find(name); err != nil {
			return fmt.Errorf("kernel %s: %w", row.Name, err)
		}
	}
	if err := row.checkSnapshots(); err != nil {
		return fmt.Errorf("kernel %s: %w", row.Name, err)
	}
	switch {
	case row.tables() != 1:
		return fmt.Errorf("kernel %s: it requires one of [kernel.apt], [kernel.rpm], [kernel.pacman], [kernel.oci] and [kernel.source]", row.Name)
	case row.Arch != "" && row.Arch != "amd64" && row.Pacman != nil:
		return fmt.Errorf("kernel %s is for %s: packages of Arch Linux are for amd64 only", row.Name, row.Arch)
	case row.provider() != nil:
		if err := row.provider().Check(); err != nil {
			return fmt.Errorf("kernel %s: %w", row.Name, err)
		}
	case row.Source != nil:
		if err := row.Source.Check(); err != nil {
			return fmt.Errorf("kernel %s: [kernel.source] %w", row.Name, err)
		}
	}
	return nil
}

// parseRows parses a table of kernels and checks its rows.
func parseRows(text []byte) ([]Row, error) {
	var file struct {
		Kernel []Row `toml:"kernel"`
	}
	if err := toml.NewDecoder(bytes.NewReader(text)).DisallowUnknownFields().Decode(&file); err != nil {
		var strict *toml.StrictMissingError
		if errors.As(err, &strict) {
			return nil, fmt.Errorf("unknown fields:\n%s", strict.String())
		}
		return nil, err
	}
	seen, defaults := map[string]bool{}, map[string]bool{}
	var rows []Row
	for _, row := range file.Kernel {
		if err := row.check(); err != nil {
			return nil, err
		}
		if row.Default {
			defaults[row.Name] = true
		}
		for _, dated := range row.bySnapshot() {
			for _, one := range dated.byArch() {
				if seen[one.Name] {
					return nil, fmt.Errorf("there are two kernels with the name %s", one.Name)
				}
				seen[one.Name] = true
				rows = append(rows, one)
			}
		}
	}
	if len(defaults) > 1 {
		return nil, fmt.Errorf("%d kernels are the default: only one can be", len(defaults))
	}
	return rows, nil
}

// byArch returns a row for each of its architectures.
func (row Row) byArch() []Row {
	names := strings.Fields(cmp.Or(row.Arch, "amd64"))
	var rows []Row
	for _, target := range arch.All() {
		if !slices.Contains(names, target.Name) {
			continue
		}
		one := row
		if row.Apt != nil {
			one.Apt = row.Apt.forArch(target)
		}
		if row.RPM != nil {
			rpms := *row.RPM
			rpms.Machine = target.Machine
			one.RPM = &rpms
		}
		one.Arch, one.target = target.Name, target
		one.Name, one.Default = WithArch(row.Name, target.Name), row.Default && target.IsHost()
		rows = append(rows, one)
	}
	return rows
}

// base returns the name of the row in its table.
func (row Row) base() string {
	name, _ := SplitName(row.Name)
	return name
}
