package kbuild

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// tools is the compiler for a kernel's modules.
type tools struct {
	variables []string // for make's command line
	strip     string   // the program that takes debug information out
	identity  string   // changes with the compiler
}

// toolsFor chooses the compiler: LLVM where the kernel was built with it, else
// the gcc in PATH, whichever version the kernel names. LLVM and CC in the
// environment come before both.
func toolsFor(build string) (tools, error) {
	cc, llvm := os.Getenv("CC"), os.Getenv("LLVM")
	if cc == "" && llvm == "" && builtWithClang(build) {
		llvm = "1"
	}
	strip := "strip"
	var variables []string
	if llvm != "" {
		variables, strip = append(variables, "LLVM="+llvm), llvmTool("llvm-strip", llvm)
	}
	switch {
	case cc != "":
		variables = append(variables, "CC="+cc)
	case llvm != "":
		cc = llvmTool("clang", llvm)
	default:
		cc, variables = "gcc", append(variables, "CC=gcc")
	}
	if w := os.Getenv("W"); w != "" { // kernels heed it only there
		variables = append(variables, "W="+w)
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

// llvmTool is the program that the kernel's build system takes for a value of
// LLVM: a prefix such as /opt/llvm/bin/, a suffix such as -14, or 1.
func llvmTool(name, llvm string) string {
	switch {
	case strings.HasSuffix(llvm, "/"):
		return llvm + name
	case strings.HasPrefix(llvm, "-"):
		return name + llvm
	}
	return name
}

// heeded are variables of the environment that the kernel's build system takes
// up, and that change what it makes.
var heeded = []string{"KCFLAGS", "KCPPFLAGS", "KBUILD_MODPOST_WARN"}

// environment is what make and the compiler get of ours: what they need to run,
// and what is heeded. Whatever else a Makefile might ask for would change the
// modules and not the key under which they are kept.
func environment() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		switch name {
		case "PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "LD_LIBRARY_PATH":
			return false
		}
		wrapped := strings.HasPrefix(name, "CCACHE_") || strings.HasPrefix(name, "NIX_") // they configure compilers that are scripts
		return !wrapped && !slices.Contains(heeded, name)
	})
}

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
