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

	"github.com/kmodtest/kmodtest/harness/internal/kcompiler"
	"github.com/kmodtest/kmodtest/harness/internal/modfail"
	"github.com/kmodtest/kmodtest/images"
	"github.com/kmodtest/kmodtest/images/buildroot"
)

// tools describes the toolchain for a kernel's modules.
type tools struct {
	cc        string        // the compiler
	missing   string        // the name that the kernel's makefile has for cc, if no program of that name exists; else ""
	variables []string      // for make's command line
	strip     string        // the program that strips debug information
	linking   modfail.Tools // for Source.FaultWalk
	identity  string        // changes with the compiler
	root      buildroot.Root
}

// toolsFor chooses the toolchain: LLVM if the kernel was built with it, else the
// compiler that the kernel's makefile names, such as gcc-12, or the gcc in PATH if
// there is no such program. LLVM and CC in the environment take precedence. Only a CC
// from there is on make's command line, where a module's makefile cannot add to it. Without
// either, a kernel that has a build root is built for in it.
func toolsFor(kernel *images.Kernel) (tools, error) {
	build := kernel.Build
	cc, llvm := os.Getenv("CC"), os.Getenv("LLVM")
	if cc == "" && llvm == "" && !kernel.Root.IsHost() {
		return toolsIn(kernel.Root, build), nil
	}
	if cc == "" && llvm == "" && builtWithClang(build) {
		llvm = "1"
	}
	strip, objcopy, linker := "strip", "objcopy", "ld"
	missing := ""
	var variables []string
	if llvm != "" {
		variables = append(variables, "LLVM="+llvm)
		strip, objcopy, linker = llvmTool("llvm-strip", llvm), llvmTool("llvm-objcopy", llvm), llvmTool("ld.lld", llvm)
	}
	switch {
	case cc != "":
		variables = append(variables, "CC="+cc)
	case llvm != "":
		cc = llvmTool("clang", llvm)
	default:
		cc, missing = kcompiler.Find(build, func(name string) bool {
			_, err := exec.LookPath(name)
			return err == nil
		})
	}
	if w := os.Getenv("W"); w != "" { // kernels accept it only on the command line
		variables = append(variables, "W="+w)
	}
	if _, err := exec.LookPath("pahole"); err != nil {
		// If the headers include a vmlinux, the build would generate BTF for
		// the module, which fails without this tool. A module loads without
		// BTF as well.
		variables = append(variables, "CONFIG_DEBUG_INFO_BTF_MODULES=")
	}
	identity, err := identify(cc)
	if err != nil {
		return tools{}, fmt.Errorf("find the compiler for kernel modules: %w; "+
			"install it (Debian and Ubuntu: apt-get install build-essential) or name another in CC", err)
	}
	for _, name := range buildVariables {
		identity += fmt.Sprintf(" %s=%q", name, os.Getenv(name))
	}
	identity += fmt.Sprintf(" %q %s", variables, missing)
	return tools{cc: cc, missing: missing, variables: variables, strip: strip, linking: modfail.Tools{Compiler: cc, Objcopy: objcopy, Linker: linker, Wrap: buildroot.Root{}.Wrap}, identity: identity}, nil
}

// toolsIn returns the toolchain of a build root, where pahole has no vmlinux to read.
func toolsIn(root buildroot.Root, build string) tools {
	t := tools{variables: []string{"CONFIG_DEBUG_INFO_BTF_MODULES="}, strip: "strip", root: root}
	t.cc, t.missing = kcompiler.Find(build, root.Has)
	if w := os.Getenv("W"); w != "" {
		t.variables = append(t.variables, "W="+w)
	}
	t.linking = modfail.Tools{Compiler: t.cc, Objcopy: "objcopy", Linker: "ld", Wrap: root.Wrap}
	t.identity = root.Dir + " " + t.cc
	for _, name := range buildVariables {
		t.identity += fmt.Sprintf(" %s=%q", name, os.Getenv(name))
	}
	t.identity += fmt.Sprintf(" %q %s", t.variables, t.missing)
	return t
}

// llvmTool returns the program that the kernel's build system uses for a value of
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

// buildVariables are environment variables that affect the output of the kernel's
// build system.
var buildVariables = []string{"KCFLAGS", "KCPPFLAGS", "KBUILD_MODPOST_WARN"}

// environment returns the environment of make and the compiler: the variables
// that they need to run, and buildVariables. Other variables are not passed on:
// they are not part of the cache key.
func environment() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		switch name {
		case "PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "LD_LIBRARY_PATH":
			return false
		}
		wrapper := strings.HasPrefix(name, "CCACHE_") || strings.HasPrefix(name, "NIX_") // they configure compiler wrappers
		return !wrapper && !slices.Contains(buildVariables, name)
	})
}

func builtWithClang(build string) bool {
	config, err := os.ReadFile(filepath.Join(build, "include", "config", "auto.conf"))
	return err == nil && bytes.Contains(config, []byte("\nCONFIG_CC_IS_CLANG=y\n"))
}

// identify returns a string that changes with the compiler, without running it:
// the path after following links, and that file's size and modification time.
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
