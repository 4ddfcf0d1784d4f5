// Package config reads fragments of kernels' configurations: its own, and those of a user's table of kernels.
package config

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

//go:embed *.config
var own embed.FS

const suffix = ".config"

// Set names fragments.
type Set struct {
	Names []string // in the order in which they take effect: later ones override earlier ones
	Dir   string   // a directory that is searched before kmodtest's own fragments; "" for none
	Arch  string   // GOARCH: if NAME.ARCH.config exists, it takes effect after NAME.config
}

// fragment is a piece of a kernel's configuration.
type fragment struct {
	name string // for messages
	text []byte
}

// Lines returns the lines of all fragments, without comments: the last line for each option.
func (s Set) Lines() ([]kconfig.Line, error) {
	fragments, err := s.read()
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

func (s Set) read() ([]fragment, error) {
	var all []fragment
	for _, name := range s.Names {
		f, err := s.find(name)
		if errors.Is(err, fs.ErrNotExist) {
			err = s.missing(name)
		}
		if err != nil {
			return nil, fmt.Errorf("read config fragment: %w", err)
		}
		all = append(all, f)
		f, err = s.find(strings.TrimSuffix(name, suffix) + "." + s.Arch + suffix)
		switch {
		case err == nil:
			all = append(all, f)
		case !errors.Is(err, fs.ErrNotExist):
			return nil, fmt.Errorf("read config fragment: %w", err)
		}
	}
	return all, nil
}

// find returns the fragment of that name. The error is fs.ErrNotExist if there is none.
func (s Set) find(name string) (fragment, error) {
	if s.Dir != "" {
		path := name
		if !filepath.IsAbs(path) {
			path = filepath.Join(s.Dir, name)
		}
		text, err := os.ReadFile(path)
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return fragment{path, text}, err
		}
	}
	if !fs.ValidPath(name) {
		return fragment{}, fs.ErrNotExist
	}
	text, err := own.ReadFile(name)
	return fragment{name, text}, err
}

func (s Set) missing(name string) error {
	where := ""
	if s.Dir != "" {
		where = "in " + s.Dir + ", nor "
	}
	return fmt.Errorf("there is no config fragment %s %samong kmodtest's own: %s", name, where, strings.Join(ownNames(), ", "))
}

// ownNames returns the names of the fragments that come with kmodtest.
func ownNames() []string {
	entries, err := own.ReadDir(".")
	if err != nil {
		panic(err) // the directory is embedded in the program
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}
