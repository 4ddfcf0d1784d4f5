package kbuild

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
)

// tools is the compiler for a kernel's modules.
type tools struct {
	variables []string // for make's command line
	strip     string   // the program that takes debug information out
	identity  string   // changes with the compiler
}

// toolsFor chooses the compiler: LLVM where the kernel was built with it, else
// the gcc in PATH, whichever version the kernel names. A CC in the environment
// comes before both.
func toolsFor(build string) (tools, error) {
	cc := os.Getenv("CC")
	strip := "strip"
	var variables []string
	switch {
	case cc != "":
		variables = []string{"CC=" + cc}
	case builtWithClang(build):
		cc, variables, strip = "clang", []string{"LLVM=1"}, "llvm-strip"
	default:
		cc, variables = "gcc", []string{"CC=gcc"}
	}
	if _, err := exec.LookPath("pahole"); err != nil {
		// Where the headers come with a vmlinux, the build would want to
		// make BTF of the module and fail without this tool; a module loads
		// without BTF as well.
		variables = append(variables, "CONFIG_DEBUG_INFO_BTF_MODULES=")
	}
	identity, err := identify(cc)
	if err != nil {
		return tools{}, fmt.Errorf("find the compiler for kernel modules: %w; "+
			"install it (Debian and Ubuntu: apt-get install build-essential) or name another in CC", err)
	}
	for _, name := range heeded {
		identity += fmt.Sprintf(" %s=%q", name, os.Getenv(name))
	}
	return tools{variables: variables, strip: strip, identity: fmt.Sprintf("%s %q", identity, variables)}, nil
}

// heeded are variables of the environment that the kernel's build system takes
// up, and that change what it makes.
var heeded = []string{"KCFLAGS", "KCPPFLAGS", "KBUILD_MODPOST_WARN", "LLVM", "W"}

func builtWithClang(build string) bool {
	config, err := os.ReadFile(filepath.Join(build, "include", "config", "auto.conf"))
	return err == nil && bytes.Contains(config, []byte("\nCONFIG_CC_IS_CLANG=y\n"))
}

// identify tells one compiler from another without running it: by where its
// name leads, and that file's size and time.
func identify(cc string) (string, error) {
	path, err := exec.LookPath(cc)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, exec.ErrNotFound) {
			return "", fmt.Errorf("%s is not in PATH", cc)
		}
		return "", err
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return "", err
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s %d %d", path, info.Size(), info.ModTime().UnixNano()), nil
}
