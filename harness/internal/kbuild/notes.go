package kbuild

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/kmodtest/kmodtest/harness/internal/copytree"
	"github.com/kmodtest/kmodtest/harness/internal/modfail"
	"github.com/kmodtest/kmodtest/images/buildroot"
)

// Notes are what gcc wrote beside the objects of a build with Source.Coverage: which
// lines and branches the counters of each object stand for.
type Notes struct {
	Dir      string         // the .gcno files are in it, at the places that the objects have in the copy of the sources
	Root     string         // the user's directory
	Compiler string         // the program that made them
	System   buildroot.Root // in which the compiler is
}

// notesDir holds the notes in a cache entry.
const notesDir = "notes"

// coverageFlags make gcc count arcs, exactly even if several processors count. The last
// one is what the kernel's build system uses with the others.
const coverageFlags = "-fprofile-arcs -ftest-coverage -fprofile-update=atomic -fno-tree-loop-im"

// compilerFlags returns the flags that a tree depends on.
func (s Source) compilerFlags() string {
	flags := debugFlag
	if s.Coverage {
		flags += " " + coverageFlags
	}
	if s.FaultWalk {
		flags += " " + modfail.CompilerFlags()
	}
	return flags
}

// newNotes returns the notes of a build that has not begun; nil if there will be none.
func newNotes(m *maker) (*Notes, error) {
	if !m.src.Coverage {
		return nil, nil
	}
	if strings.Contains(filepath.Base(m.tools.Compiler), "clang") {
		return nil, fmt.Errorf("the coverage of module %s cannot be measured: its compiler is %s, not gcc", m.src.Root, m.tools.Compiler)
	}
	return &Notes{Root: m.src.Root, Compiler: m.tools.Compiler, System: m.tools.Root}, nil
}

// keepNotes copies the notes to a cache entry.
func keepNotes(m *maker, out string) error {
	if !m.src.Coverage {
		return nil
	}
	return filepath.WalkDir(m.copy(), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() || filepath.Ext(path) != ".gcno" {
			return err
		}
		name, _ := copytree.Below(m.copy(), path) // it is below
		kept := filepath.Join(out, notesDir, name)
		if err := os.MkdirAll(filepath.Dir(kept), 0o700); err != nil {
			return err
		}
		return copyFile(path, kept)
	})
}
