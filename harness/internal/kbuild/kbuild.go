// Package kbuild builds out-of-tree kernel modules against a kernel, in a copy,
// so that the user's own tree stays as it is.
package kbuild

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"github.com/kmodtest/kmodtest/images"
	"github.com/kmodtest/kmodtest/images/cache"
)

// CompileError tells that the sources do not build against a kernel.
type CompileError struct {
	Dir     string // the user's sources
	Release string // of the kernel
	Command string
	Output  string // of make and the compiler, with paths of the user's own
}

func (e *CompileError) Error() string {
	return fmt.Sprintf("module %s does not build against Linux %s\n%s\n(%s)",
		e.Dir, e.Release, strings.TrimRight(e.Output, "\n"), e.Command)
}

// Result is a built directory of modules.
type Result struct {
	Modules []Module // in loading order
	Key     string   // changes with anything that the modules were built from
	Built   bool     // now, not found in the cache
	Output  string   // of the build when it gave warnings
	symbols string   // path of a list of what the modules export; "" if they export nothing
}

const (
	logName     = "build.log"
	symbolsName = "Module.symvers" // as the kernel's build system has it
	// guestDir, in an entry of the cache, holds the modules without debug
	// information, which makes up most of their size and is of no use to the
	// guest.
	guestDir = "guest"
	// debugFlag is for kernels whose configuration asks for no debug
	// information: places in the modules under test are to be found all the same.
	debugFlag = "-g"
)

// Build builds the modules in directory dir against a kernel, or finds them in
// the cache at cacheDir, keyed by sources, kernel and compiler. dir is absolute.
// The modules may use what those of others export, which were built before.
func Build(ctx context.Context, cacheDir string, kernel *images.Kernel, dir string, others []*Result) (*Result, error) {
	src, err := findSources(dir)
	if err != nil {
		return nil, err
	}
	hash, err := src.hash()
	if err != nil {
		return nil, err
	}
	tools, err := toolsFor(kernel.Build)
	if err != nil {
		return nil, err
	}
	var symbols, keys []string
	for _, other := range others {
		if other.symbols != "" {
			symbols, keys = append(symbols, other.symbols), append(keys, other.Key)
		}
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %s %s %s %s %s %s %q", dir, hash, kernel.Key, tools.identity, debugFlag, guestDir, symbolsName, keys))
	r := &Result{Key: hex.EncodeToString(sum[:16])}

	entry, err := cache.Entry(ctx, filepath.Join(cacheDir, "modules"), r.Key, func(ctx context.Context, tmp string) error {
		r.Built = true
		return build(ctx, kernel, src, tools, symbols, tmp)
	})
	if err != nil {
		return nil, err
	}
	return r, r.read(entry)
}

func (r *Result) read(entry string) error {
	paths, err := filepath.Glob(filepath.Join(entry, "*.ko"))
	if err != nil {
		return err
	}
	for _, path := range paths {
		m, err := readModule(path)
		if err != nil {
			return err
		}
		m.Path = filepath.Join(entry, guestDir, filepath.Base(path))
		r.Modules = append(r.Modules, m)
	}
	r.Modules = inLoadingOrder(r.Modules)
	symbols := filepath.Join(entry, symbolsName)
	if _, err := os.Stat(symbols); err == nil {
		r.symbols = symbols
	}
	if r.Built {
		r.Output, err = warnings(filepath.Join(entry, logName))
	}
	return err
}

func warnings(log string) (string, error) {
	b, err := os.ReadFile(log)
	if err != nil || !bytes.Contains(b, []byte(": warning: ")) {
		return "", err
	}
	return string(b), nil
}

// build leaves the modules, the build's log and a list of what the modules export
// in out. symbols are such lists of others.
func build(ctx context.Context, kernel *images.Kernel, src sources, tools tools, symbols []string, out string) error {
	dir := filepath.Join(out, "src")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	if err := src.copyTo(dir); err != nil {
		return err
	}
	args := append([]string{"-C", kernel.Build, "M=" + dir, fmt.Sprintf("-j%d", runtime.GOMAXPROCS(0))}, tools.variables...)
	if len(symbols) > 0 {
		args = append(args, "KBUILD_EXTRA_SYMBOLS="+strings.Join(symbols, " "))
	}
	cmd := exec.CommandContext(ctx, "make", append(args, "modules")...)
	cmd.Dir = dir
	// The names of source files, in warnings of the running kernel and in
	// debug information, are those of the user's tree.
	flags := "KCFLAGS=" + debugFlag + " " + os.Getenv("KCFLAGS")
	if !strings.ContainsAny(src.dir, " \t'\"$#=") { // which no flag could hold
		flags += " -ffile-prefix-map=" + dir + "=" + src.dir
	}
	cmd.Env = append(environment(), flags)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	log, err := cmd.CombinedOutput()
	log = bytes.ReplaceAll(log, []byte(dir), []byte(src.dir))
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.As(err, &exit):
		return compileError(kernel, src, cmd, log)
	case err != nil:
		return fmt.Errorf("build module %s: %w (Debian and Ubuntu: apt-get install build-essential)", src.dir, err)
	}
	if err := os.WriteFile(filepath.Join(out, logName), log, 0o644); err != nil {
		return err
	}
	made, err := findModules(dir)
	if err != nil {
		return err
	}
	if len(made) == 0 {
		return compileError(kernel, src, cmd, append(log, "the build made no .ko file: does its Kbuild or Makefile set obj-m?\n"...))
	}
	if err := keepModules(ctx, made, out, tools.strip); err != nil {
		return fmt.Errorf("module %s: %w", src.dir, err)
	}
	if info, err := os.Stat(filepath.Join(dir, symbolsName)); err == nil && info.Size() > 0 {
		if err := os.Rename(filepath.Join(dir, symbolsName), filepath.Join(out, symbolsName)); err != nil {
			return err
		}
	}
	return os.RemoveAll(dir)
}

func compileError(kernel *images.Kernel, src sources, cmd *exec.Cmd, log []byte) error {
	command := strings.ReplaceAll(strings.Join(cmd.Args, " "), cmd.Dir, src.dir)
	return &CompileError{Dir: src.dir, Release: kernel.Release, Command: command, Output: string(log)}
}

// findModules finds what a build has made, in its directory and in those right
// below.
func findModules(dir string) ([]string, error) {
	found, err := filepath.Glob(filepath.Join(dir, "*.ko"))
	if err != nil {
		return nil, err
	}
	deeper, err := filepath.Glob(filepath.Join(dir, "*", "*.ko"))
	return append(found, deeper...), err
}

// keepModules moves modules to directory out, and puts copies without debug
// information beside them.
func keepModules(ctx context.Context, made []string, out, strip string) error {
	if err := os.Mkdir(filepath.Join(out, guestDir), 0o700); err != nil {
		return err
	}
	for _, ko := range made {
		kept := filepath.Join(out, filepath.Base(ko))
		if err := os.Rename(ko, kept); err != nil {
			return err
		}
		cmd := exec.CommandContext(ctx, strip, "--strip-debug", "-o", filepath.Join(out, guestDir, filepath.Base(ko)), kept)
		if said, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("take the debug information out of %s: %w\n%s", filepath.Base(ko), err, said)
		}
	}
	return nil
}
