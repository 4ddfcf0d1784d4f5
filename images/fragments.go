package images

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/kmodtest/kmodtest/images/internal/kconfig"
)

//go:embed config
var configFS embed.FS

// fragment is a piece of a kernel's configuration.
type fragment struct {
	name string // for messages
	text []byte
}

// fragments returns the fragments that a row names: files relative to its table, or else kmodtest's
// own.
func (row Row) fragments() ([]fragment, error) {
	var all []fragment
	for _, name := range row.Source.Fragments {
		f, err := row.fragment(name)
		if err != nil {
			return nil, fmt.Errorf("read config fragment: %w", err)
		}
		all = append(all, f)
	}
	return all, nil
}

func (row Row) fragment(name string) (fragment, error) {
	if row.Table != "" {
		path := name
		if !filepath.IsAbs(path) {
			path = filepath.Join(filepath.Dir(row.Table), name)
		}
		text, err := os.ReadFile(path)
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return fragment{path, text}, err
		}
	}
	text, err := configFS.ReadFile("config/" + name)
	if err != nil {
		where := ""
		if row.Table != "" {
			where = "in " + filepath.Dir(row.Table) + ", nor "
		}
		return fragment{}, fmt.Errorf("there is no config fragment %s %samong kmodtest's own: %s", name, where, strings.Join(ownFragments(), ", "))
	}
	return fragment{name, text}, nil
}

// ownFragments returns the names of the fragments that come with kmodtest.
func ownFragments() []string {
	entries, err := configFS.ReadDir("config")
	if err != nil {
		panic(err) // the directory is embedded in the program
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

// configuration returns the lines of all fragments of a row, without comments: the last line for
// each option.
func (row Row) configuration() ([]kconfig.Line, error) {
	fragments, err := row.fragments()
	if err != nil {
		return nil, err
	}
	var parsed [][]kconfig.Line
	for _, f := range fragments {
		lines, err := kconfig.Parse(f.name, f.text)
		if err != nil {
			return nil, err
		}
		parsed = append(parsed, lines)
	}
	return kconfig.Merge(parsed...), nil
}
