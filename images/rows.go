package images

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"

	"github.com/pelletier/go-toml/v2"
)

// Row is a kernel that can be asked for by its name: a row of kernels.toml, where the fields are explained.
type Row struct {
	Name     string  `toml:"name"`
	Default  bool    `toml:"default"`
	Arch     string  `toml:"arch"`
	About    string  `toml:"about"`
	Download int     `toml:"download"` // in MB, about
	Debian   *Debian `toml:"debian"`   // nil, or where a kernel comes from that is ready to boot
	Source   *Source `toml:"source"`   // nil, or where its sources come from. One of the two is there

	// Table is the path of the kernels.toml that the row is from; "" for those of kmodtest itself.
	Table string `toml:"-"`
}

// Debian says which package of Debian's archive a kernel is.
type Debian struct {
	Suite string `toml:"suite"`
	Image string `toml:"image"` // a pattern as of path.Match
}

// Source says where the sources of a kernel come from: a package of Debian's (Suite, Package), an archive (URL, SHA256), or a
// directory (Path, perhaps with Ref); and how it is configured.
type Source struct {
	Suite     string   `toml:"suite"`
	Package   string   `toml:"package"` // a pattern as of path.Match
	URL       string   `toml:"url"`
	SHA256    string   `toml:"sha256"` // in hex
	Path      string   `toml:"path"`   // relative to the table
	Ref       string   `toml:"ref"`    // what git rev-parse takes
	Fragments []string `toml:"fragments"`
	Variables []string `toml:"variables"` // NAME=VALUE, for make
	Objects   int      `toml:"objects"`   // how many files are compiled, about; for the first progress bar
}

// size is what there is to fetch, as the end of a list; "" where the table does not say.
func (row Row) size() string {
	if row.Download == 0 {
		return ""
	}
	return fmt.Sprintf(", %d MB", row.Download)
}

// origin says in a few words where a row's kernel comes from.
func (row Row) origin() string {
	switch {
	case row.Debian != nil:
		return "Debian " + row.Debian.Suite
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
		return fmt.Errorf("%q cannot be a name: it takes letters, digits and any of _ . + -, and begins with none of the last three", row.Name)
	}
	if row.Arch != "" && row.Arch != "amd64" {
		return fmt.Errorf("kernel %s is for %s: there are machines for amd64 only", row.Name, row.Arch)
	}
	switch {
	case row.Debian == nil && row.Source == nil, row.Debian != nil && row.Source != nil:
		return fmt.Errorf("kernel %s does not say where it comes from: it takes either [kernel.debian] or [kernel.source]", row.Name)
	case row.Debian != nil && (row.Debian.Suite == "" || row.Debian.Image == ""):
		return fmt.Errorf("kernel %s: [kernel.debian] takes suite and image", row.Name)
	case row.Source != nil:
		if err := row.Source.check(); err != nil {
			return fmt.Errorf("kernel %s: [kernel.source] %w", row.Name, err)
		}
	}
	return nil
}

var hexSHA256 = regexp.MustCompile(`^[0-9a-fA-F]{64}$`)

func (s *Source) check() error {
	places := 0
	for _, place := range []string{s.Package, s.URL, s.Path} {
		if place != "" {
			places++
		}
	}
	switch {
	case places != 1:
		return errors.New("takes one of: suite and package, url and sha256, path")
	case (s.Package != "") != (s.Suite != ""):
		return errors.New("takes suite and package together")
	case s.URL != "" && !hexSHA256.MatchString(s.SHA256):
		return errors.New("takes with url the sha256 of the archive, 64 hex digits")
	case s.Ref != "" && s.Path == "":
		return errors.New("takes ref only with path")
	case len(s.Fragments) == 0:
		return errors.New("names no fragments: the configuration starts from allnoconfig, which cannot boot; base.config is there")
	}
	return nil
}

// parseRows reads a table of kernels.
func parseRows(text []byte) ([]Row, error) {
	var file struct {
		Kernel []Row `toml:"kernel"`
	}
	if err := toml.NewDecoder(bytes.NewReader(text)).DisallowUnknownFields().Decode(&file); err != nil {
		var strict *toml.StrictMissingError
		if errors.As(err, &strict) {
			return nil, fmt.Errorf("there are fields that no kernel has:\n%s", strict.String())
		}
		return nil, err
	}
	seen, defaults := map[string]bool{}, 0
	for i, row := range file.Kernel {
		if err := row.check(); err != nil {
			return nil, err
		}
		if seen[row.Name] {
			return nil, fmt.Errorf("kernel %s is there twice", row.Name)
		}
		seen[row.Name] = true
		if row.Arch == "" {
			file.Kernel[i].Arch = "amd64"
		}
		if row.Default {
			defaults++
		}
	}
	if defaults > 1 {
		return nil, fmt.Errorf("%d kernels are the default, not 1", defaults)
	}
	return file.Kernel, nil
}
