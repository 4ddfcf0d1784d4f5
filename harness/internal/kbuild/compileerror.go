package kbuild

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/kmodtest/kmodtest/harness/internal/copytree"
)

// CompileError reports that a module's sources do not build against a kernel.
type CompileError struct {
	Dir     string   // the user's sources
	Release string   // of the kernel
	Command string   // the command line that failed, with paths in the user's tree
	Output  string   // of make and the compiler, with paths in the user's tree
	Advice  []string // what to do about it, one sentence each
}

func (e *CompileError) Error() string {
	return fmt.Sprintf("module %s does not build against Linux %s\n%s\n(%s)",
		e.Dir, e.Release, strings.TrimRight(e.Output, "\n"), e.Command)
}

// failure returns the error for a build that failed or, with another sentence for the
// output, made no module.
func (m *maker) failure(ctx context.Context, sentence string) error {
	if sentence != "" {
		m.log = append(m.log, sentence+"\n"...)
	}
	return &CompileError{
		Dir: m.src.Root, Release: m.kernel.Release, Command: m.command, Output: string(m.log), Advice: m.advice(ctx, string(m.log)),
	}
}

var missingHeader = regexp.MustCompile(`fatal error: '?([^\s':]+)'?(?:: No such file or directory| file not found)`)

// adviseOnHeaders says how to name a directory that has a header or an included makefile
// which the build did not find.
func (s Source) adviseOnHeaders(output, release string) []string {
	missing := missingFile(output)
	if missing == "" {
		return nil
	}
	if madeBy(readMakefile(s.Root), missing) {
		return []string{fmt.Sprintf("a rule of %s makes %s: name it in Prepare of Config.Builds, as \"make %s\"", makefileOf(s.Root), missing, missing)}
	}
	if kernelHeader.MatchString(missing) {
		return []string{fmt.Sprintf("Linux %s has no %s: the module is for other versions of the kernel, unless it brings the file itself", release, missing)}
	}
	if below := findBelow(s.Root, missing); below != "" {
		return []string{fmt.Sprintf("%s is at %s, where the compiler does not look: give it the directory in Make of Config.Builds, such as \"ccflags-y=-I$(M)/%s\"",
			missing, filepath.Join(s.Root, below), filepath.Dir(strings.TrimSuffix(below, missing)+"x"))}
	}
	where := "the build reads nothing outside of " + s.Root
	dir, path := findAbove(s.Root, missing)
	if dir == "" {
		return []string{where + ": if " + missing + " is above it, name both in Config.Builds: Root, the directory that is copied, " +
			"and Dirs, those below it that are built; if a script makes it, name that in Prepare"}
	}
	var dirs []string
	for _, rel := range s.dirs() {
		below, err := filepath.Rel(dir, filepath.Join(s.Root, rel))
		if err == nil {
			dirs = append(dirs, fmt.Sprintf("%q", below))
		}
	}
	return []string{fmt.Sprintf("%s, and %s is at %s: use Config.Builds with {Root: %q, Dirs: []string{%s}}",
		where, missing, path, dir, strings.Join(dirs, ", "))}
}

// kernelHeader matches the names of headers of the kernel.
var kernelHeader = regexp.MustCompile(`^(?:linux|asm|asm-generic|net|drm|scsi|sound|media|rdma|crypto|trace|uapi|video|target)/`)

// readMakefile returns the text of the makefile of a directory, or "".
func readMakefile(dir string) string { return joined([]string{makefileOf(dir)}) }

// makefileOf returns the makefile that make reads in a directory.
func makefileOf(dir string) string {
	for _, name := range []string{"GNUmakefile", "makefile"} {
		if path := filepath.Join(dir, name); isFile(path) {
			return path
		}
	}
	return filepath.Join(dir, "Makefile")
}

// madeBy reports whether a makefile has a rule for a file.
func madeBy(makefile, file string) bool {
	return regexp.MustCompile(`(?m)^(?:\S+ +)*(?:\./)?` + regexp.QuoteMeta(file) + `(?: +\S+)* *:(?:[^=]|$)`).MatchString(makefile)
}

// namesObjects reports whether a makefile of a directory names modules or directories with modules.
func namesObjects(dir string) bool {
	text := joined([]string{filepath.Join(dir, "Kbuild"), makefileOf(dir)})
	return strings.Contains(text, "obj-") || strings.Contains(text, "include ")
}

// findBelow returns the path of a header below a directory, relative to it, or "".
func findBelow(root, header string) string {
	seen := 0
	path := find(root, "", header, &seen)
	if path == "" {
		return ""
	}
	below, _ := filepath.Rel(root, path) // both are absolute
	return below
}

// Limits of the search for a header: levels above the sources, and files.
const (
	levelsAbove = 4
	filesAbove  = 20_000
)

// findAbove looks for a header above a directory. It returns the lowest directory that
// has both, and the header's path.
func findAbove(root, header string) (dir, path string) {
	seen := 0
	for range levelsAbove {
		_, err := os.Stat(filepath.Join(root, ".git"))
		if dir = filepath.Dir(root); dir == root || dir == "/" || dir == os.TempDir() || err == nil { // what is above belongs to others
			return "", ""
		}
		path = find(dir, root, header, &seen)
		if path != "" {
			return dir, path
		}
		root = dir
	}
	return "", ""
}

// find returns the path of a header below dir, but not below except, or "". It counts the files that it sees.
func find(dir, except, header string, seen *int) (path string) {
	_ = filepath.WalkDir(dir, func(at string, entry fs.DirEntry, err error) error {
		*seen++
		if *seen > filesAbove {
			return fs.SkipAll
		}
		if err == nil && entry.IsDir() && at != dir && (at == except || copytree.IsForeignDir(entry.Name())) {
			return fs.SkipDir
		}
		if err == nil && !entry.IsDir() && strings.HasSuffix(at, "/"+header) {
			path = at
			return fs.SkipAll
		}
		return nil
	})
	return path
}

var conditional = regexp.MustCompile(`(?m)^\s*obj-\$[({](CONFIG_\w+)[)}]`)

var objY = regexp.MustCompile(`(?m)^\s*obj-y\s*[:+]?=.*\.o\b`)

// noModule returns a sentence on a build that passed and made no module.
func (s Source) noModule(copied string) string {
	var objects, commands, makefiles []string
	_ = filepath.WalkDir(copied, func(path string, entry fs.DirEntry, err error) error {
		name, _ := copytree.Below(copied, path)
		switch {
		case err != nil:
			return err
		case entry.IsDir():
		case strings.HasSuffix(name, ".ko.cmd"):
			commands = append(commands, name)
		case strings.HasSuffix(name, ".o"):
			objects = append(objects, name)
		case entry.Name() == "Kbuild", entry.Name() == "Makefile":
			makefiles = append(makefiles, path)
		}
		return nil
	})
	const head = "the build made no .ko file"
	switch {
	case s.Command != "":
		return head + " with the command " + s.Command
	case len(commands) > 0:
		return fmt.Sprintf("%s, but %s: something removed or moved the .ko file after the build", head, strings.Join(commands, ", "))
	case len(objects) > 0:
		return fmt.Sprintf("%s, but objects: %s: does obj-m name the module?", head, strings.Join(objects[:min(len(objects), 5)], ", "))
	}
	text := joined(makefiles)
	var missing []string
	for _, found := range conditional.FindAllStringSubmatch(text, -1) {
		if !slices.Contains(missing, found[1]) {
			missing = append(missing, found[1])
		}
	}
	if len(missing) > 0 {
		return fmt.Sprintf("%s: obj-m is empty, because this kernel does not set %s: give make the variable in Config.Builds, Make: []string{%q}",
			head, strings.Join(missing, ", "), missing[0]+"=m")
	}
	if name := unsetVariable(text); name != "" {
		return fmt.Sprintf("%s: obj-m is empty, because it is %s, which no makefile sets: give make the variable in Config.Builds, Make: []string{%q}",
			head, name, name+"=...")
	}
	if objY.MatchString(text) {
		return head + ": obj-m is empty, and obj-y is not built outside of the kernel's tree: name the module in obj-m instead"
	}
	if elsewhere := adviseOnDirs(s.Root); elsewhere != "" {
		return head + ": obj-m is empty; " + elsewhere
	}
	return head + ": obj-m is empty; does its Kbuild or Makefile set obj-m?"
}

// joined returns the text of all makefiles that can be read.
func joined(makefiles []string) string {
	var all strings.Builder
	for _, path := range makefiles {
		text, _ := os.ReadFile(path) // what cannot be read has no advice
		all.Write(append(text, '\n'))
	}
	return all.String()
}

var objMFrom = regexp.MustCompile(`(?m)^\s*obj-m\s*[:+?]*=\s*\$[({](\w+)[)}]\s*$`)

// unsetVariable returns a variable that obj-m is set to and that nothing in the text of
// the makefiles sets, or "".
func unsetVariable(text string) string {
	for _, found := range objMFrom.FindAllStringSubmatch(text, -1) {
		if !regexp.MustCompile(`(?m)^\s*(?:\w+\s+)?` + found[1] + `\s*[:+?]*=`).MatchString(text) {
			return found[1]
		}
	}
	return ""
}
