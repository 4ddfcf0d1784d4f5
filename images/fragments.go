package images

import (
	"context"
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

// configText returns the text of a configuration file with these lines.
func configText(lines []kconfig.Line) string {
	var text strings.Builder
	for _, line := range lines {
		text.WriteString(line.String() + "\n")
	}
	return text.String()
}

// configure writes the configuration: make allnoconfig with the lines of all fragments. If a line
// does not take effect, the error is a *kconfig.LostError.
func (b *build) configure(ctx context.Context, runner *makeRun) error {
	asked, err := b.row.configuration()
	if err != nil {
		return err
	}
	path := filepath.Join(b.entry, "fragments.config")
	if err := os.WriteFile(path, []byte(configText(asked)), 0o644); err != nil {
		return fmt.Errorf("write config fragments: %w", err)
	}
	targets := []string{"allnoconfig"}
	if b.row.Source.Path != "" {
		targets = []string{"mrproper", "allnoconfig"} // the user may have built there
	}
	for _, target := range targets {
		if err := runner.run(ctx, nil, target, "KCONFIG_ALLCONFIG="+path); err != nil {
			return fmt.Errorf("configure: %w", err)
		}
	}
	values, err := kconfig.ReadValues(filepath.Join(b.tree, ".config"))
	if err != nil {
		return err
	}
	if err := kconfig.Check(asked, values, b.tree, "x86"); err != nil {
		return err
	}
	if values.Of("MODULES") != "y" {
		return errNoModules
	}
	return os.Remove(path)
}
