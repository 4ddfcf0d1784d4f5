package kbuild

// Source describes how modules are built from a directory.
type Source struct {
	Root    string   // absolute path of the directory that is copied
	Dirs    []string // directories below Root that are built, in this order; none means Root itself
	Make    []string // variables for make, NAME=VALUE
	Prepare string   // shell command that runs in the copy of Root before the build; "" is none
	// Command is a shell command that builds the modules, in the copy of Root, instead
	// of the kernel's build system in Dirs; "" is none. It gets Make in its environment.
	Command string
	// Load are the modules to load, in this order, each with its parameters: "m size=4".
	// nil means all; empty but not nil means none.
	Load []string
}
