// Package kbuild builds out-of-tree kernel modules against a kernel. It builds in
// a copy and does not change the user's tree.
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

// CompileError reports that a module's sources do not build against a kernel.
type CompileError struct {
	Dir     string // the user's sources
	Release string // of the kernel
	Command string // make's command line
	Output  string // of make and the compiler, with paths in the user's tree
}

func (e *CompileError) Error() string {
	return fmt.Sprintf("module %s does not build against Linux %s\n%s\n(%s)",
		e.Dir, e.Release, strings.TrimRight(e.Output, "\n"), e.Command)
}

// Result is the result of building a directory of modules.
type Result struct {
	Modules []Module // all that were built, in loading order
	Load    []Loading
	Key     string   // changes with any input of the build
	Built   bool     // by this call, not found in the cache
	Output  string   // of the build if it printed warnings and Built is true; else ""
	symbols string   // path of the list of exported symbols; "" if there are none
}

const (
	logName     = "build.log"
	symbolsName = "Module.symvers" // the name that the kernel's build system uses
	// guestDir, in a cache entry, holds the modules without debug information,
	// which is most of their size and of no use to the guest.
	guestDir = "guest"
	// debugFlag is for kernels that are configured without debug information:
	// addresses in the modules under test must resolve to source lines anyway.
	debugFlag = "-g"
)

// Build builds modules against a kernel, or finds them in
// the cache at cacheDir, keyed by sources, kernel and compiler. The modules may use symbols that the modules of others export, which
// must have been built before. If the sources do not build, the error is a
// *CompileError. Build may be called from several goroutines and processes at
// once.
func Build(ctx context.Context, cacheDir string, kernel *images.Kernel, s Source, others []*Result) (*Result, error) {
	dir := s.Root
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
	if err := r.read(entry); err != nil {
		return nil, err
	}
	if r.Load, err = loadings(r.Modules, s.Load); err != nil {
		return nil, fmt.Errorf("module %s: %w", dir, err)
	}
	return r, nil
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

// build puts the modules, the build log and the list of exported symbols into
// out. symbols are the paths of the lists of other modules.
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
	// Names of source files, in warnings of the running kernel and in debug
	// information, are paths in the user's tree.
	flags := "KCFLAGS=" + debugFlag + " " + os.Getenv("KCFLAGS")
	if !strings.ContainsAny(src.dir, " \t'\"$#=") { // a flag cannot contain these
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
		return compileError(kernel, src, cmd, append(log, "the build produced no .ko file: does its Kbuild or Makefile set obj-m?\n"...))
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

// findModules returns the modules that a build has made, in its directory and in
// the directories directly below it.
func findModules(dir string) ([]string, error) {
	found, err := filepath.Glob(filepath.Join(dir, "*.ko"))
	if err != nil {
		return nil, err
	}
	deeper, err := filepath.Glob(filepath.Join(dir, "*", "*.ko"))
	return append(found, deeper...), err
}

// keepModules moves modules to directory out, and puts copies without debug
// information into guestDir there.
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
			return fmt.Errorf("strip debug information from %s: %w\n%s", filepath.Base(ko), err, said)
		}
	}
	return nil
}
