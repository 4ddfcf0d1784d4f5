package kbuild

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/kmodtest/kmodtest/harness/internal/exports"
	"github.com/kmodtest/kmodtest/harness/internal/kcompiler"
	"github.com/kmodtest/kmodtest/images"
)

// advice returns what to do about the output of a build that failed, one sentence each.
func (m *maker) advice(ctx context.Context, output string) []string {
	if symbols := exports.Undefined(output); len(symbols) > 0 {
		return exports.Advise(symbols, m.kernel, exports.Option(m.kernel.Build), exports.Others(ctx, m.kernel, symbols), images.Rows())
	}
	if flag := unknownFlag(output); flag != "" {
		return []string{adviseOnFlag(flag, builtBy(m.kernel.Build), compilerVersion(ctx, m.tools))}
	}
	if noRust.MatchString(output) {
		return []string{"Linux " + m.kernel.Release + " is built without Rust, so no module in Rust builds for it: take a kernel with CONFIG_RUST"}
	}
	if installed.MatchString(output) {
		advice := []string{"a makefile names a kernel of this host that is not there"}
		if m.src.Command != "" {
			return append(advice, m.src.adviseOnCommand()...)
		}
		return append(advice, "give make the variable that has the kernel's directory in Make of Config.Builds, such as \"KDIR=$(KDIR)\"")
	}
	if noRepository.MatchString(output) {
		return []string{"the copy of " + m.src.Root + " has no .git: give the version that the build asks git for in Make or Prepare of Config.Builds"}
	}
	if advice := m.src.adviseOnHeaders(output, m.kernel.Release); len(advice) > 0 {
		return append(advice, m.src.adviseOnCommand()...)
	}
	if elsewhere := adviseOnDirs(m.src.Root); elsewhere != "" && len(m.src.Dirs) == 0 && m.src.Command == "" && !namesObjects(m.src.Root) {
		return []string{elsewhere}
	}
	if m.src.Command != "" && noFile.MatchString(output) {
		return m.src.adviseOnCommand()
	}
	if noFile.MatchString(output) {
		return []string{"the build runs in a copy of " + m.src.Root + ": files outside of it are missing, and files that a script or another target of the makefile makes: " +
			"name a command that makes them in Prepare of Config.Builds"}
	}
	if full := exports.FullFlavour(m.kernel, images.Rows()); full != "" && undeclared.MatchString(output) {
		return []string{"the kernel's headers may declare more with other options: " + exports.AdviseOnFlavour(full)}
	}
	return nil
}

// useCommand says how a makefile's own target builds.
const useCommand = "Command of Config.Builds runs the makefile's own target, as in {Root: ..., Command: \"make\"}"

// adviseOnCommand says that the kernel's build system runs, and not a target of the makefile, or that the user's command does.
func (s Source) adviseOnCommand() []string {
	if s.Command != "" {
		return []string{"the command is " + s.Command + ", of Command in Config.Builds or of MAKE in dkms.conf; it runs in a copy of " + s.Root +
			", which has no files outside of it; Dirs: []string{\".\"} builds with the kernel's build system instead"}
	}
	if makesKernelBuild.MatchString(readMakefile(s.Root)) {
		return []string{"the kernel's build system runs, without the variables that " + makefileOf(s.Root) + " gives it: " + useCommand}
	}
	return nil
}

// makesKernelBuild matches a line of a makefile that runs the kernel's build system.
var makesKernelBuild = regexp.MustCompile(`(?m)^\t.*\$[({]MAKE[)}].*-C\s|^\t.*\bmake .*-C\s`)

var (
	noRust       = regexp.MustCompile(`(?m)^\s*RUSTC |error\[E0463\]: can't find crate for .(?:core|kernel)`)
	installed    = regexp.MustCompile(`/lib/modules/[^/\s]+/build: No such file or directory`)
	noRepository = regexp.MustCompile(`(?m)^fatal: (?:not a git repository|detected dubious ownership)`)
)

var noFile = regexp.MustCompile(`No such file or directory|No rule to make target`)

// undeclared matches a compiler's error about something that the kernel's headers may
// declare only with some of its options.
var undeclared = regexp.MustCompile(`error: (?:implicit declaration of function|call to undeclared|unknown type name|use of undeclared|.* undeclared|.*no member named|.*incomplete type|.*undefined type)`)

var unknown = regexp.MustCompile(`(?:unrecognized command[- ]line option|unknown argument:?) ['‘"](-[^'’"]+)['’"]`)

// unknownFlag returns the first flag that the compiler does not know, or "".
func unknownFlag(output string) string {
	if found := unknown.FindStringSubmatch(output); found != nil {
		return found[1]
	}
	return ""
}

// adviseOnFlag compares the compiler of the kernel with the one that was used. Both are
// the beginning of what the compiler says about its version.
func adviseOnFlag(flag, kernels, used string) string {
	if kernels == "" {
		return fmt.Sprintf("the compiler, %s, does not know the flag %s: CC names another one", used, flag)
	}
	name, _, _ := strings.Cut(kernels, " ")
	return fmt.Sprintf("the compiler does not know the flag %s: the kernel was built by %s, and CC is %s; install %s and set CC=%s, "+
		"unless the module's own makefile sets the flag", flag, kernels, used, name, name)
}

var compilerText = regexp.MustCompile(`(?m)^CONFIG_CC_VERSION_TEXT="(.*)"$`)

// builtBy returns the version text of the compiler that built a kernel, or "".
func builtBy(build string) string {
	config, err := os.ReadFile(filepath.Join(build, ".config"))
	if err != nil {
		return ""
	}
	if found := compilerText.FindSubmatch(config); found != nil {
		return string(found[1])
	}
	return ""
}

func compilerVersion(ctx context.Context, t kcompiler.Tools) string {
	cmd := exec.CommandContext(ctx, t.Compiler, "--version")
	t.Root.Wrap(cmd)
	out, err := cmd.Output()
	if err != nil {
		return t.Compiler
	}
	first, _, _ := strings.Cut(string(out), "\n")
	return first
}
