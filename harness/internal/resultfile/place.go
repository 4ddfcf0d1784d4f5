package resultfile

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// Place is a place on the host for files that the guest sends back: the guest can write
// nowhere else.
type Place struct {
	Path string // of a file, or of a directory
	Kind Kind
}

// Kind is a kind of places.
type Kind int

// The kinds of places.
const (
	File      Kind = iota // one file, which is replaced
	Tree                  // a directory below which files of any name are replaced
	CoverData             // a directory in which files with the names of coverage data are replaced
	Corpus                // a directory below which new inputs of fuzz targets appear
)

// coverName is the name that the Go runtime gives to a file of coverage data.
var coverName = regexp.MustCompile(`^cov(meta|counters)\.[0-9a-f.]+$`)

// inputName is the name that the testing package gives to an input below the
// directory of a corpus.
var inputName = regexp.MustCompile(`^Fuzz[\pL\pN_]*/[0-9a-f]{16}$`)

// ErrNotAsked is the error for a file that is in none of the places.
var ErrNotAsked = errors.New("which no flag asks for")

// Create makes a file that the guest sends back, in one of the places.
func Create(head wire.FileHead, places []Place) (wire.Sink, error) {
	path := filepath.Clean("/" + head.Name)
	if !head.Mode.IsRegular() {
		return nil, fmt.Errorf("the guest sent %q, which is not a regular file (%v)", path, head.Mode)
	}
	for _, r := range places {
		name, below := strings.CutPrefix(path, r.Path+"/")
		switch {
		case r.Kind == File && path == r.Path:
			return New(path)
		case r.Kind == Tree && below:
			if err := wire.CheckName(name); err != nil {
				return nil, fmt.Errorf("the guest sent %q: %w", path, err)
			}
			return Below(r.Path, name, false)
		case r.Kind == CoverData && below && coverName.MatchString(name):
			return Below(r.Path, name, false)
		case r.Kind == Corpus && below && inputName.MatchString(name):
			return Below(r.Path, name, true)
		}
	}
	return nil, fmt.Errorf("the guest sent %q, %w", path, ErrNotAsked)
}
