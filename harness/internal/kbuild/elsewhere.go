package kbuild

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/kmodtest/kmodtest/harness/internal/copytree"
	"github.com/kmodtest/kmodtest/harness/internal/exports"
)

var setsObjM = regexp.MustCompile(`(?m)^[ \t]*obj-(?:m|\$[({].*[)}])[ \t]*[:+?]?=`)

// adviseOnDirs names the directories below dir whose makefiles set obj-m, or returns "".
func adviseOnDirs(dir string) string {
	var found []string
	seen := 0
	_ = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		seen++
		switch {
		case seen > filesAbove:
			return fs.SkipAll
		case err != nil:
			return nil //nolint:nilerr // what cannot be read is not named
		case entry.IsDir() && path != dir && copytree.IsForeignDir(entry.Name()):
			return fs.SkipDir
		case !slices.Contains(makefileNames, entry.Name()) || filepath.Dir(path) == dir:
			return nil
		}
		if text, err := os.ReadFile(path); err == nil && setsObjM.Match(text) {
			found = append(found, filepath.Dir(path))
		}
		return nil
	})
	found = slices.Compact(found)
	if len(found) == 0 {
		return ""
	}
	return fmt.Sprintf("makefiles in other directories set obj-m: name one of them as the module's directory: %s", exports.ShortList(found))
}

var missingMakefile = regexp.MustCompile(`(?m)^make.*No rule to make target '(.*/\.\./.*)'`)

// missingFile returns the name of the header or included makefile that a build did not
// find, or "".
func missingFile(output string) string {
	if found := missingHeader.FindStringSubmatch(output); found != nil {
		return found[1]
	}
	if found := missingMakefile.FindStringSubmatch(output); found != nil {
		_, name, _ := strings.Cut(found[1], "/../")
		return strings.TrimLeft(name, "./")
	}
	return ""
}
