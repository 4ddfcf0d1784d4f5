package host

import (
	"bytes"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/kmodtest/kmodtest/harness/internal/coverprofile"
	"github.com/kmodtest/kmodtest/harness/internal/resultfile"
	"github.com/kmodtest/kmodtest/harness/internal/wire"
)

// result is a place on the host for files that the guest sends back: the guest can
// write nowhere else.
type result struct {
	path string // of a file, or of a directory
	kind resultKind
}

type resultKind int

const (
	outputFile resultKind = iota // one file, which is replaced
	outputTree                   // a directory below which files of any name are replaced
	coverData                    // a directory in which files with the names of coverage data are replaced
	corpus                       // a directory below which new inputs of fuzz targets appear
)

// coverName is the name that the Go runtime gives to a file of coverage data.
var coverName = regexp.MustCompile(`^cov(meta|counters)\.[0-9a-f.]+$`)

// maxLevels is how many directories below a tree a file may be.
const maxLevels = 32

// inputName is the name that the testing package gives to an input below the
// directory of a corpus.
var inputName = regexp.MustCompile(`^Fuzz[\pL\pN_]*/[0-9a-f]{16}$`)

// createResult makes a file that the guest sends back.
func createResult(head wire.FileHead, results []result) (wire.Sink, error) {
	path := filepath.Clean("/" + head.Name)
	if !head.Mode.IsRegular() {
		return nil, fmt.Errorf("the guest sent %q, which is not a regular file (%v)", path, head.Mode)
	}
	for _, r := range results {
		name, below := strings.CutPrefix(path, r.path+"/")
		switch {
		case r.kind == outputFile && path == r.path:
			return resultfile.New(path)
		case r.kind == outputTree && below && isPlainPath(name):
			if strings.Count(name, "/") > maxLevels {
				return nil, fmt.Errorf("the guest sent a file that is more than %d directories below %s", maxLevels, r.path)
			}
			return resultfile.Below(r.path, name, false)
		case r.kind == coverData && below && coverName.MatchString(name):
			return resultfile.Below(r.path, name, false)
		case r.kind == corpus && below && inputName.MatchString(name):
			return resultfile.Below(r.path, name, true)
		}
	}
	return nil, fmt.Errorf("the guest sent %q, which no flag asks for", path)
}

// isPlainPath reports whether a path consists of printable names.
func isPlainPath(path string) bool {
	return utf8.ValidString(path) && !strings.ContainsFunc(path, func(c rune) bool { return !unicode.IsPrint(c) })
}

// memorySink keeps a cover profile in memory.
type memorySink struct{ *bytes.Buffer }

// Write keeps p.
func (s memorySink) Write(p []byte) (int, error) {
	if s.Len()+len(p) > coverprofile.MaxSize {
		return 0, fmt.Errorf("the guest sent a cover profile of more than %d MiB", coverprofile.MaxSize>>20)
	}
	return s.Buffer.Write(p)
}

// Commit does nothing.
func (memorySink) Commit() error { return nil }

// Discard drops the received content.
func (s memorySink) Discard() { s.Reset() }
