package kbuild

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
)

// installedKernel returns the variables that make's command line needs so that makefiles
// below dir use the kernel's build directory. Without them, a makefile that names
// /lib/modules/RELEASE/build builds against a kernel that is installed on the host, if
// there is one.
func installedKernel(dir, build string) ([]string, error) {
	var variables []string
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !slices.Contains(makefileNames, entry.Name()) || !isFile(path) {
			return err
		}
		text, err := os.ReadFile(path)
		for _, name := range placesOfKernel(text) {
			variables = append(variables, name+"="+build)
		}
		return err
	})
	slices.Sort(variables)
	return slices.Compact(variables), err
}

var makefileNames = []string{"GNUmakefile", "makefile", "Makefile", "Kbuild"}

var assignsBuild = regexp.MustCompile(`(?m)^[ \t]*(?:export[ \t]+)?(\w+)[ \t]*[:?]*=[ \t]*[^#\n]*/build\b[^#\n]*(?:#.*)?$`)

// placesOfKernel returns the variables in a makefile that are set to the build directory
// of an installed kernel: make changes to that directory.
func placesOfKernel(text []byte) []string {
	if !bytes.Contains(text, []byte("/lib/modules")) {
		return nil
	}
	var names []string
	for _, match := range assignsBuild.FindAllSubmatch(text, -1) {
		name := string(match[1])
		if regexp.MustCompile(`-C[ \t]*"?\$[({]` + name + `[)}]`).Match(text) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
