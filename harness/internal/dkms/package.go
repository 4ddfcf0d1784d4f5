package dkms

import (
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// pack returns the package that the file describes.
func (f *file) pack(dir string, kernel Kernel) (*Package, error) {
	p := &Package{
		Name: f.values["PACKAGE_NAME"][0], Version: f.values["PACKAGE_VERSION"][0], Path: f.path, line: f.lines["BUILD_DEPENDS"],
	}
	if p.Name == "" || p.Version == "" {
		return nil, &Error{Path: f.path, Problem: "PACKAGE_NAME or PACKAGE_VERSION is not set"}
	}
	for _, i := range f.indexes("BUILD_DEPENDS") {
		p.Requires = append(p.Requires, strings.Fields(f.values["BUILD_DEPENDS"][i])...)
	}
	var err error
	if p.Modules, err = f.modules(p.Name); err != nil {
		return nil, err
	}
	if p.Make, err = f.makeCommand(kernel); err != nil {
		return nil, err
	}
	if p.Prepare, err = f.prepareCommand(kernel); err != nil {
		return nil, err
	}
	p.Make = forShell(p.relocate(p.Make, dir, kernel))
	p.Prepare = forShell(p.relocate(p.Prepare, dir, kernel))
	return p, nil
}

// indexes returns the indexes at which any of the directives has a value, in order.
func (f *file) indexes(names ...string) []int {
	all := map[int]bool{}
	for _, name := range names {
		for i := range f.values[name] {
			all[i] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// modules returns the modules that the file names. A single one may have no name: it
// has the package's.
func (f *file) modules(pkg string) ([]Module, error) {
	indexes := f.indexes("BUILT_MODULE_NAME", "BUILT_MODULE_LOCATION", "DEST_MODULE_NAME", "DEST_MODULE_LOCATION")
	var modules []Module
	for _, i := range indexes {
		name := f.values["BUILT_MODULE_NAME"][i]
		switch {
		case name == "" && len(indexes) == 1:
			name = pkg
		case name == "":
			return nil, &Error{Path: f.path, Problem: fmt.Sprintf("BUILT_MODULE_NAME[%d] is not set, but another directive is set for module %d", i, i)}
		case strings.HasSuffix(name, ".ko") || strings.HasSuffix(name, ".o"):
			return nil, &Error{f.path, f.lines["BUILT_MODULE_NAME"], fmt.Sprintf("BUILT_MODULE_NAME[%d] is %q: it must not have a suffix", i, name)}
		}
		file := filepath.Join(f.values["BUILT_MODULE_LOCATION"][i], name+".ko")
		if !filepath.IsLocal(file) {
			return nil, &Error{f.path, f.lines["BUILT_MODULE_LOCATION"], fmt.Sprintf("module %d is %q, which is not below the package's directory", i, file)}
		}
		dest := f.values["DEST_MODULE_NAME"][i]
		if dest == "" {
			dest = name
		}
		modules = append(modules, Module{File: file, Dest: dest})
	}
	if len(modules) == 0 {
		return nil, &Error{Path: f.path, Problem: "names no module: BUILT_MODULE_NAME is not set"}
	}
	return modules, nil
}

// makeCommand returns the command of the last MAKE whose MAKE_MATCH matches the kernel;
// else MAKE[0], unless that is for other kernels; else DKMS's own.
func (f *file) makeCommand(kernel Kernel) (string, error) {
	command := ""
	if f.values["MAKE_MATCH"][0] == "" {
		command = f.values["MAKE"][0]
	}
	for _, i := range f.indexes("MAKE") {
		match, ok := f.values["MAKE_MATCH"][i]
		if !ok {
			continue
		}
		matches, err := f.matches("MAKE_MATCH", i, match, kernel)
		if err != nil {
			return "", err
		}
		if matches {
			command = f.values["MAKE"][i]
		}
	}
	if command == "" {
		command = "make -C " + kernel.Build + " M=" + kernel.Copy
	}
	if rest, ok := strings.CutPrefix(command, "make"); ok { // as DKMS does
		command = "make KERNELRELEASE=" + kernel.Release + rest
	}
	return command, nil
}

func (f *file) matches(directive string, i int, expression string, kernel Kernel) (bool, error) {
	re, err := regexp.Compile(expression)
	if err != nil {
		return false, &Error{f.path, f.lines[directive], fmt.Sprintf("%s[%d]: %v", directive, i, err)}
	}
	return re.MatchString(kernel.Release), nil
}

// prepareCommand returns the command that applies the patches for the kernel and then
// runs PRE_BUILD, a program of the package with its arguments.
func (f *file) prepareCommand(kernel Kernel) (string, error) {
	var commands []string
	for _, i := range f.indexes("PATCH") {
		if match, ok := f.values["PATCH_MATCH"][i]; ok {
			matches, err := f.matches("PATCH_MATCH", i, match, kernel)
			if err != nil {
				return "", err
			}
			if !matches {
				continue
			}
		}
		patch := f.values["PATCH"][i]
		if !filepath.IsLocal(patch) {
			return "", &Error{f.path, f.lines["PATCH"], fmt.Sprintf("PATCH[%d] is %q, which is not a file below patches/", i, patch)}
		}
		commands = append(commands, "patch -p1 < "+quote("patches/"+patch))
	}
	if before := f.values["PRE_BUILD"][0]; before != "" {
		program, arguments, _ := strings.Cut(before, " ")
		commands = append(commands, strings.TrimSpace("./"+strings.TrimPrefix(program, "./")+" "+arguments))
	}
	return strings.Join(commands, " && "), nil
}

// relocate replaces the places in a command that exist only where DKMS has installed
// the package. $dkms_tree/NAME/VERSION/build and the package's directory in
// $source_tree are the directory of the build, and the kernel's build directory is
// elsewhere. Many files have the default places instead of the variables.
func (p *Package) relocate(command, dir string, kernel Kernel) string {
	var replacements []string
	for _, place := range []string{
		treeMark + "/" + p.Name + "/" + p.Version, defaultTree + "/" + p.Name + "/" + p.Version,
	} {
		replacements = append(replacements, place+"/build", kernel.Copy, place+"/source", kernel.Copy)
	}
	for _, place := range []string{sourceMark, defaultSource} {
		replacements = append(replacements, place+"/"+p.Name+"-"+p.Version, kernel.Copy)
	}
	installed := "/lib/modules/" + kernel.Release
	replacements = append(replacements, installed+"/build", kernel.Tree, installed+"/source", kernel.Tree, kernel.Build, kernel.Tree,
		treeMark, defaultTree, sourceMark, filepath.Dir(dir))
	return strings.NewReplacer(replacements...).Replace(command)
}

// quote quotes a text for a shell.
func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// forShell returns a command that any shell runs. DKMS uses bash, so a command may have
// what only bash understands.
func forShell(command string) string {
	_, err := syntax.NewParser(syntax.Variant(syntax.LangPOSIX)).Parse(strings.NewReader(command), "")
	if err == nil {
		return command
	}
	return "bash -c " + quote(command)
}
