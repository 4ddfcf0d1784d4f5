// Package kcompiler finds the compiler that a kernel's makefiles name, and the other tools
// that make modules for it.
package kcompiler

import (
	"os"
	"path/filepath"
	"regexp"
)

// Find returns the compiler for a kernel's modules: the one that the kernel's
// makefiles name, if exists reports it, else gcc of the same version, else gcc. If
// it is not the first one, missing is the name of that. cross is the prefix of
// compilers for a kernel of another architecture: all of these names then have it.
func Find(build, cross string, exists func(name string) bool) (cc, missing string) {
	prefix, name := named(build)
	if cross != "" {
		prefix = cross
	}
	switch {
	case exists(prefix + name):
		return prefix + name, ""
	case exists(cross + name):
		return cross + name, prefix + name
	}
	return cross + "gcc", prefix + name
}

var (
	compilerOfMakefile = regexp.MustCompile(`(?m)^(?:override )?CC[ \t]*:?=.*?(\$\(CROSS_COMPILE\))?([\w-]*gcc[\w.-]*)[ \t]*$`)
	prefixOfMakefile   = regexp.MustCompile(`(?m)^(?:override )?CROSS_COMPILE[ \t]*:?=[ \t]*([\w-]+)[ \t]*$`)
)

// named returns the name of the compiler in a kernel's makefiles, after the
// value of CROSS_COMPILE. Those of Debian's packages name the version that built the
// kernel, and some of them the architecture.
func named(build string) (prefix, name string) {
	name = "gcc"
	for _, makefile := range []string{"Makefile", ".kernelvariables"} {
		text, err := os.ReadFile(filepath.Join(build, makefile))
		if err != nil {
			continue
		}
		for _, found := range compilerOfMakefile.FindAllSubmatch(text, -1) {
			prefix, name = "", string(found[2])
			if value := prefixOfMakefile.FindSubmatch(text); len(found[1]) > 0 && value != nil {
				prefix = string(value[1])
			}
		}
	}
	return prefix, name
}
