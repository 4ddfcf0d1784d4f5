package kbuild

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/kmodtest/kmodtest/harness/internal/copytree"
	"github.com/kmodtest/kmodtest/harness/internal/kcompiler"
	"github.com/kmodtest/kmodtest/images"
	"github.com/kmodtest/kmodtest/images/plainpath"
)

// maker runs the programs of one build in a tree.
type maker struct {
	*tree
	src    Source
	kernel *images.Kernel
	tools  kcompiler.Tools
	view   plainpath.View // of the cache
	// accessTimes reports whether the access times of files in the copy show what was read.
	accessTimes bool
	symbols     []string // paths of the lists of symbols that other modules export
	log         []byte   // of all programs
	command     string   // the last command line, for messages
}

// make builds the modules. The tree has the state of the user's files.
func (m *maker) make(ctx context.Context) error {
	if err := removeResults(m.copy()); err != nil {
		return err
	}
	if m.src.Command != "" {
		installed, err := installedKernel(m.copy(), m.view.Path(m.kernel.Build))
		if err != nil {
			return err
		}
		settings := slices.Concat(installed, m.tools.Variables, m.src.Make, extraSymbols(m.view, m.symbols))
		flags := fmt.Sprintf("MAKEFLAGS=-j%d -- ", runtime.GOMAXPROCS(0)) + strings.Join(escapeAll(settings), " ")
		return m.run(ctx, m.shell(ctx, m.src.Command, flags))
	}
	symbols := m.symbols
	for _, rel := range m.src.dirs() {
		dir := filepath.Join(m.copy(), rel)
		args := []string{"-C", m.view.Path(m.kernel.Build), "M=" + m.view.Path(dir), fmt.Sprintf("-j%d", runtime.GOMAXPROCS(0))}
		args = slices.Concat(args, m.tools.Variables, extraSymbols(m.view, symbols), m.src.Make, []string{"modules"})
		cmd := exec.CommandContext(ctx, "make", args...)
		cmd.Dir, cmd.Env = dir, m.environment(dir)
		if err := m.run(ctx, cmd); err != nil {
			return err
		}
		if exported := filepath.Join(dir, symbolsName); isFile(exported) {
			symbols = append(slices.Clip(symbols), exported)
		}
	}
	return nil
}

func extraSymbols(view plainpath.View, lists []string) []string {
	if len(lists) == 0 {
		return nil
	}
	var seen []string
	for _, list := range lists {
		seen = append(seen, view.Path(list))
	}
	return []string{"KBUILD_EXTRA_SYMBOLS=" + strings.Join(seen, " ")}
}

// escapeAll escapes variables for MAKEFLAGS.
func escapeAll(variables []string) []string {
	escape := strings.NewReplacer(`\`, `\\`, " ", `\ `, "$", "$$")
	var out []string
	for _, v := range variables {
		out = append(out, escape.Replace(v))
	}
	return out
}

// prepare runs Source.Prepare.
func (m *maker) prepare(ctx context.Context) error {
	if m.src.Prepare == "" {
		return nil
	}
	before, err := copytree.Scan(m.copy(), m.state.Copied)
	if err != nil {
		return err
	}
	failure := m.run(ctx, m.shell(ctx, m.src.Prepare))
	after, err := copytree.Scan(m.copy(), before)
	if err != nil {
		return err
	}
	m.state.Prepared, err = copytree.RestoreTimes(m.copy(), m.state.Prepared, copytree.ChangedSince(before, after))
	return errors.Join(failure, err)
}

// shell returns a shell command that runs in the copy.
func (m *maker) shell(ctx context.Context, command string, env ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "sh", "-c", command)
	cmd.Dir = m.copy()
	cmd.Env = slices.Concat(m.environment(m.copy()), []string{
		"KERNELRELEASE=" + m.kernel.Release, "KVERSION=" + m.kernel.Release, "ARCH=" + m.tools.Arch.Make, "CC=" + m.tools.Compiler,
	}, env)
	if prefix := m.tools.Arch.Prefix(); prefix != "" { // an empty variable would keep a makefile from setting its own
		cmd.Env = append(cmd.Env, "CROSS_COMPILE="+prefix)
	}
	return cmd
}

// environment returns the environment of all programs of a build, which run in dir.
// Makefiles read PWD, as a shell sets it; those that look for the kernel's directory find
// it by Make: "KSRC=$(KDIR)".
func (m *maker) environment(dir string) []string {
	env := slices.DeleteFunc(kcompiler.Environment(), func(v string) bool { return strings.HasPrefix(v, "KCFLAGS=") })
	if m.tools.Missing != "" {
		env = append(env, "PATH="+m.view.Path(m.programs())+":"+os.Getenv("PATH"))
	}
	return append(env, "PWD="+m.view.Path(dir), "KDIR="+m.view.Path(m.kernel.Build), "KCFLAGS="+m.flags())
}

// flags returns the flags for the compiler in addition to the kernel's. Names of source
// files, in warnings of the running kernel and in debug information, are paths in the
// user's tree.
func (m *maker) flags() string {
	flags := m.src.compilerFlags()
	if own := os.Getenv("KCFLAGS"); own != "" {
		flags += " " + own
	}
	if !plainpath.IsPlain(m.src.Root) { // make gives its commands to a shell
		return flags + " @" + m.view.Path(filepath.Join(m.dir, flagsName))
	}
	return flags + " " + prefixMap(m)
}

func prefixMap(m *maker) string {
	return "-ffile-prefix-map=" + m.view.Path(m.copy()) + "=" + m.src.Root
}

// flagsName is a file in a tree with the flag that cannot be on a command line.
const flagsName = "flags"

// programs is the directory of a tree that has the compiler under the name that the
// kernel's makefile uses.
func (m *maker) programs() string { return filepath.Join(m.dir, "bin") }

// writeTools writes the files in the tree that flags and environment name.
func (m *maker) writeTools() error {
	escaped := strings.NewReplacer(`\`, `\\`, " ", `\ `, "\t", "\\\t", `"`, `\"`, "'", `\'`).Replace(prefixMap(m))
	if err := os.WriteFile(filepath.Join(m.dir, flagsName), []byte(escaped+"\n"), 0o600); err != nil {
		return err
	}
	if m.tools.Missing == "" {
		return nil
	}
	if err := os.MkdirAll(m.programs(), 0o700); err != nil {
		return err
	}
	script := "#!/bin/sh\nexec " + m.tools.Compiler + " \"$@\"\n"
	return os.WriteFile(filepath.Join(m.programs(), m.tools.Missing), []byte(script), 0o700)
}

// patience is how long programs may take to end after an interrupt, before they are
// killed: make removes files that are not complete.
const patience = 5 * time.Second

// errBuild is the error of run if the program failed.
var errBuild = errors.New("the build failed")

// errKilled is the error of run if the program did not end by itself.
var errKilled = errors.New("the build was killed")

// run runs a program and adds its output to the log.
func (m *maker) run(ctx context.Context, cmd *exec.Cmd) error {
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = patience
	m.command = m.inUsersTree(strings.Join(cmd.Args, " "))
	m.tools.Root.Wrap(cmd)
	m.view.Wrap(cmd)
	err := cmd.Run()
	if ctx.Err() != nil && cmd.Process != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // what did not end; usually nothing is left
	}
	m.log = append(m.log, m.inUsersTree(out.String())...)
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil && (errors.Is(err, exec.ErrWaitDelay) || errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL):
		return errors.Join(context.Cause(ctx), errKilled)
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.As(err, &exit):
		return errBuild
	case err != nil:
		return fmt.Errorf("build module %s: %w (Debian and Ubuntu: apt-get install build-essential)", m.src.Root, err)
	}
	return nil
}

// inUsersTree replaces the path of the copy by the path of the user's directory.
func (m *maker) inUsersTree(text string) string {
	return strings.ReplaceAll(m.view.Back(text), m.copy(), m.src.Root)
}

// removeResults removes what an earlier build put together: whatever is there after this
// one was made by it. Objects stay.
func removeResults(copied string) error {
	return filepath.WalkDir(copied, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".ko" && entry.Name() != symbolsName {
			return err
		}
		return os.Remove(path)
	})
}
