//go:build kvm

package nested

import (
	"os"
	"path/filepath"
	"strings"
)

// place is where the files of the inner runs are, at the same paths on the host
// and in the outer machine: many of the harness's caches are keyed by paths.
type place struct {
	Dir  string // a directory of the user's cache
	Root string // of this repository
}

// Variables that tell the outer machine the place.
const (
	dirVariable  = "NESTED_DIR"
	rootVariable = "NESTED_ROOT"
)

// outerPlace returns the place in the outer machine.
func outerPlace() place { return place{os.Getenv(dirVariable), os.Getenv(rootVariable)} }

func (p place) archive() string { return filepath.Join(p.Dir, "files.tar") }

// binary returns the path of a package's test binary.
func (p place) binary(name string) string {
	return filepath.Join(p.Dir, "bin", filepath.Base(name)+".test")
}

// cacheHome is the value of XDG_CACHE_HOME for inner runs.
func (p place) cacheHome() string { return filepath.Join(p.Dir, "cache") }

// searchPath is the PATH of inner runs, in which the compiler has the same path on
// the host and in the outer machine.
const searchPath = "/usr/bin:/usr/sbin"

// environment returns the environment of an inner run. Variables that are part of
// cache keys, such as GOFLAGS, keep their values.
func (p place) environment() []string {
	var env []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "KMODTEST_") && !strings.HasPrefix(v, "VMTEST_") && !strings.HasPrefix(v, "XDG_") {
			env = append(env, v)
		}
	}
	return append(env, "XDG_CACHE_HOME="+p.cacheHome(), "PATH="+searchPath)
}
