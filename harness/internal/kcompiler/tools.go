package kcompiler

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

	"github.com/kmodtest/kmodtest/harness/internal/modfail"
	"github.com/kmodtest/kmodtest/images"
	"github.com/kmodtest/kmodtest/images/arch"
	"github.com/kmodtest/kmodtest/images/buildroot"
)

// Tools describes the toolchain for a kernel's modules.
type Tools struct {
	Arch      arch.Arch     // that it makes modules for
	Compiler  string        // a name or a path
	Missing   string        // the name that the kernel's makefile has for Compiler, if no program of that name exists; else ""
	Variables []string      // for make's command line
	Strip     string        // the program that strips debug information
	Linking   modfail.Tools // for modules whose calls can fail
	Identity  string        // changes with the compiler
	Root      buildroot.Root
}

// For chooses the toolchain: LLVM if the kernel was built with it, else the compiler
// that the kernel's makefile names, such as gcc-12, or the gcc in PATH if there is no
// such program. For a kernel of another architecture, these are cross compilers. LLVM and
// CC in the environment take precedence. Only a CC from there is on make's command
// line, where a module's makefile cannot add to it. Without either, a kernel that has a
// build root is built for in it.
func For(kernel *images.Kernel) (Tools, error) {
	build := kernel.Build
	target, err := arch.Find(kernel.Arch)
	if err != nil {
		return Tools{}, err
	}
	cc, llvm := os.Getenv("CC"), os.Getenv("LLVM")
	if cc == "" && llvm == "" && !kernel.Root.IsHost() {
		return toolsIn(kernel.Root, build, target), nil
	}
	if cc == "" && llvm == "" && builtWithClang(build) {
		llvm = "1"
	}
	t := gnuTools(target)
	if llvm != "" {
		t.Variables = append(t.Variables, "LLVM="+llvm)
		t.Strip, t.Linking.Objcopy, t.Linking.Linker = llvmTool("llvm-strip", llvm), llvmTool("llvm-objcopy", llvm), llvmTool("ld.lld", llvm)
	}
	switch {
	case cc != "":
		t.Compiler, t.Variables = cc, append(t.Variables, "CC="+cc)
	case llvm != "":
		t.Compiler = llvmTool("clang", llvm)
	default:
		t.Compiler, t.Missing = Find(build, target.Prefix(), func(name string) bool {
			_, err := exec.LookPath(name)
			return err == nil
		})
	}
	if w := os.Getenv("W"); w != "" { // kernels accept it only on the command line
		t.Variables = append(t.Variables, "W="+w)
	}
	if _, err := exec.LookPath("pahole"); err != nil {
		// If the headers include a vmlinux, the build would generate BTF for
		// the module, which fails without this tool. A module loads without
		// BTF as well.
		t.Variables = append(t.Variables, "CONFIG_DEBUG_INFO_BTF_MODULES=")
	}
	identity, err := identify(t.Compiler)
	if err != nil {
		return Tools{}, fmt.Errorf("find the compiler for kernel modules: %w; %s", err, remedy(target))
	}
	t.finish(identity)
	return t, nil
}

// remedy says how to get a compiler.
func remedy(target arch.Arch) string {
	if target.IsHost() {
		return "install it (Debian and Ubuntu: apt-get install build-essential) or name another in CC"
	}
	return fmt.Sprintf("install it (Debian and Ubuntu: apt-get install %s) or name another compiler for %s in CC", target.CompilerPackage(), target.Name)
}

// gnuTools returns the programs of binutils, and the variables with which make builds for
// an architecture.
func gnuTools(target arch.Arch) Tools {
	prefix := target.Prefix()
	t := Tools{Arch: target, Strip: prefix + "strip", Linking: modfail.Tools{Objcopy: prefix + "objcopy", Linker: prefix + "ld"}}
	if prefix != "" {
		t.Variables = []string{"ARCH=" + target.Make, "CROSS_COMPILE=" + prefix}
	}
	return t
}

// finish sets what follows from the other fields.
func (t *Tools) finish(identity string) {
	t.Linking.Compiler, t.Linking.Wrap = t.Compiler, t.Root.Wrap
	t.Identity = identity
	for _, name := range buildVariables {
		t.Identity += fmt.Sprintf(" %s=%q", name, os.Getenv(name))
	}
	t.Identity += fmt.Sprintf(" %q %s", t.Variables, t.Missing)
}

// toolsIn returns the toolchain of a build root, where pahole has no vmlinux to read.
func toolsIn(root buildroot.Root, build string, target arch.Arch) Tools {
	t := gnuTools(target)
	t.Root, t.Variables = root, append(t.Variables, "CONFIG_DEBUG_INFO_BTF_MODULES=")
	t.Compiler, t.Missing = Find(build, target.Prefix(), root.Has)
	if w := os.Getenv("W"); w != "" {
		t.Variables = append(t.Variables, "W="+w)
	}
	t.finish(root.Dir + " " + t.Compiler)
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

// Environment returns the environment of make and the compiler: the variables
// that they need to run, and those that affect their output, which Tools.Identity covers.
// Other variables are not passed on: they are not part of the cache key.
func Environment() []string {
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
