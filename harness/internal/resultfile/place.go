package resultfile

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

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

// maxLevels is how many directories below a tree a file may be.
const maxLevels = 32

// inputName is the name that the testing package gives to an input below the
// directory of a corpus.
var inputName = regexp.MustCompile(`^Fuzz[\pL\pN_]*/[0-9a-f]{16}$`)

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
		case r.Kind == Tree && below && isPlainPath(name):
			if strings.Count(name, "/") > maxLevels {
				return nil, fmt.Errorf("the guest sent a file that is more than %d directories below %s", maxLevels, r.Path)
			}
			return Below(r.Path, name, false)
		case r.Kind == CoverData && below && coverName.MatchString(name):
			return Below(r.Path, name, false)
		case r.Kind == Corpus && below && inputName.MatchString(name):
			return Below(r.Path, name, true)
		}
	}
	return nil, fmt.Errorf("the guest sent %q, which no flag asks for", path)
}

// isPlainPath reports whether a path consists of printable names.
func isPlainPath(path string) bool {
	return utf8.ValidString(path) && !strings.ContainsFunc(path, func(c rune) bool { return !unicode.IsPrint(c) })
}
